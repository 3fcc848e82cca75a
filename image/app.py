"""Putting the image service together."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from common.api import Application
from common.drivers import load
from common.operations import Operations, operation_tables
from common.operations.timeline import RequestEvents
from common.policy import Policy
from common.runtime import ApiPart, ServiceParts, WorkerPart
from common.service.heartbeat import Periodic
from image import upload
from image.api import RESOURCES, RULES
from image.conf import ImageOptions
from image.db.models import Base
from image.service import ImageService

if TYPE_CHECKING:
    from common.runtime import Runtime

_SWEEP = 10.0


def build(runtime: Runtime) -> ServiceParts:
    """The service and its parts: the API, and a conductor that sweeps."""
    options = runtime.settings.get(ImageOptions)
    db = runtime.database('image')
    tables = operation_tables(Base.metadata)
    policy = Policy([*RULES, *(rule for resource in RESOURCES for rule in resource.rules)], runtime.policy_file('image'))
    directory = pathlib.Path(options.directory or runtime.state / 'images')
    store = load('image.store', options.store)(directory)
    service = ImageService(options, db, policy, Operations(db, [], tables), store)
    sweeper = Periodic('image-sweep', lambda: upload.sweep(service), _SWEEP)
    return ServiceParts(
        'image',
        service,
        apis=[ApiPart('image', lambda: Application('image', RESOURCES, instance=service, policy=policy, max_limit=1000))],
        workers=[WorkerPart('conductor', sweeper.start, sweeper.stop)],
        db=db,
        migrations='image.db',
        checks={'database': lambda: _ping(service)},
        request_events=RequestEvents(db, tables),
    )


def _ping(service: ImageService) -> str | None:
    service.db.ping()
    return None
