"""Putting the image service together."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from common.api import Application
from common.limits import IdentityLimits, LimitNewsListener
from common.operations import LocalBell, Operations, operation_tables
from common.operations.timeline import RequestEvents
from common.policy import Policy
from common.runtime import ApiPart, ServiceParts, WorkerPart
from common.service.heartbeat import Periodic
from image import fetching, importing, stores, upload
from image.api import RESOURCES, RULES, V1
from image.cache_fetch import CacheWorker
from image.caching import ImageCache
from image.conductor import FarBell, conductor
from image.conf import ImageOptions
from image.db.models import Base
from image.operations.registry import DEFINITIONS
from image.quotas import ImageQuotas
from image.service import ImageService
from image.staging_area import StagingArea

if TYPE_CHECKING:
    from common.runtime import Runtime

_SWEEP = 10.0


def build(runtime: Runtime) -> ServiceParts:
    """The service and its parts: the API, and a conductor that sweeps."""
    options = runtime.settings.get(ImageOptions)
    importing.check_options(options)
    db = runtime.database('image')
    tables = operation_tables(Base.metadata)
    policy = Policy([*RULES, *(rule for resource in RESOURCES for rule in resource.rules)], runtime.policy_file('image'))
    made = stores.build(
        runtime.settings,
        runtime.state,
        lambda url, start, stop, validator: fetching.open_url(service, url, start, stop=stop, validator=validator),
    )
    ops = Operations(db, DEFINITIONS, tables, LocalBell(FarBell(runtime.broker)))
    staging = StagingArea(pathlib.Path(options.staging_directory or runtime.state / 'staging'))
    identity = runtime.rest('image', 'identity')
    limits = IdentityLimits(identity, 'image', runtime.options.region) if options.use_identity_limits else None
    service = ImageService(options, db, policy, ops, made, staging, identity, ImageQuotas(options, limits), _cache(runtime, options))
    workers = [*_workers(runtime, service, limits), conductor(runtime.broker, service)]
    served = [resource for resource in RESOURCES if options.enable_v1_api or resource not in V1]
    sweeper = Periodic('image-sweep', lambda: upload.sweep(service), _SWEEP)
    return ServiceParts(
        'image',
        service,
        apis=[ApiPart('image', lambda: Application('image', served, instance=service, policy=policy, max_limit=1000))],
        workers=[WorkerPart('conductor', sweeper.start, sweeper.stop), *workers],
        db=db,
        migrations='image.db',
        checks={'database': lambda: _ping(service), 'stores': made.check},
        request_events=RequestEvents(db, tables),
    )


def _cache(runtime: Runtime, options: ImageOptions) -> ImageCache | None:
    if not options.cache_max_size:
        return None
    return ImageCache(pathlib.Path(options.cache_directory or runtime.state / 'image-cache'), options.cache_max_size, runtime.host)


def _workers(runtime: Runtime, service: ImageService, limits: IdentityLimits | None) -> Iterator[WorkerPart]:
    """What runs where there is a cache, and where identity's limits hold."""
    if service.cache is not None:
        cacher = CacheWorker(service)
        yield WorkerPart('conductor', cacher.start, cacher.stop)
    if limits is not None:
        news = LimitNewsListener(runtime.broker, f'image.{runtime.host}.{id(limits):x}', limits)
        yield WorkerPart('api', news.start, news.stop)


def _ping(service: ImageService) -> str | None:
    service.db.ping()
    return None
