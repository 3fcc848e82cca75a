"""Putting the image service together."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from common.api import Application
from common.limits import IdentityLimits, LimitNewsListener
from common.operations import LocalBell, Operations, operation_tables
from common.operations.timeline import RequestEvents
from common.policy import Policy
from common.runtime import ApiPart, ServiceParts, WorkerPart
from common.service.heartbeat import Periodic
from image import fetching, stores, upload
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
    db = runtime.database('image')
    tables = operation_tables(Base.metadata)
    policy = Policy([*RULES, *(rule for resource in RESOURCES for rule in resource.rules)], runtime.policy_file('image'))
    made = stores.build(runtime.settings, runtime.state, lambda url, start: fetching.open_url(service, url, start))
    ops = Operations(db, DEFINITIONS, tables, LocalBell(FarBell(runtime.broker)))
    staging = StagingArea(pathlib.Path(options.staging_directory or runtime.state / 'staging'))
    service = ImageService(options, db, policy, ops, made, staging, runtime.rest('image', 'identity'))
    workers, limits = [], None
    if options.use_identity_limits:
        limits = IdentityLimits(runtime.rest('image', 'identity'), 'image', runtime.options.region)
        news = LimitNewsListener(runtime.broker, f'image.{runtime.host}.{id(limits):x}', limits)
        workers.append(WorkerPart('api', news.start, news.stop))
    service.quotas = ImageQuotas(options, limits)
    if options.cache_max_size:
        service.cache = ImageCache(
            pathlib.Path(options.cache_directory or runtime.state / 'image-cache'), options.cache_max_size, runtime.host
        )
        cacher = CacheWorker(service)
        workers.append(WorkerPart('conductor', cacher.start, cacher.stop))
    workers.append(conductor(runtime.broker, service))
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


def _ping(service: ImageService) -> str | None:
    service.db.ping()
    return None
