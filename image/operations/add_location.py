"""Giving an image its data by telling where it is: the data is read once, for its hashes.

Where the client says what the hash has to be, the image is `importing` until that is proved. Where it says nothing, the image is
active at once, and gets its hashes later.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import DeadlineExceeded, Gone, InvalidInput, TooLarge, Transient, Unavailable
from common.operations import Operation, Step, minutes
from image import hashing, reading, tasks
from image.db import images as image_queries
from image.db import locations as queries
from image.pace import Pace
from image.records import ACTIVE, IMPORTING, QUEUED

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from image.records import LocationRecord
    from image.service import ImageService

_DEADLINE = minutes(12 * 60)


def _begin(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    tasks.proceed(session, run.params['task'])
    if _waits(run):
        return
    queries.verify(session, run.resource_id, now())
    values = {'status': ACTIVE, 'reserved_size': 0, 'updated_at': now(), **run.params['hashes']}
    if run.params['hash']:
        values['os_hash_algo'] = run.params['algorithm']
    if not image_queries.set_columns(session, run.resource_id, expect={'status': IMPORTING}, **values):
        raise Gone(f'Image {run.resource_id} was deleted.')


def _waits(run: Run) -> bool:
    """Whether the image waits for its hashes, since the client has said what they have to be."""
    return bool(run.params['hash'] and run.params['hashes'])


def _hash(run: Run) -> dict[str, Any]:
    service: ImageService = run.world
    algorithm = run.params['hashes'].get('os_hash_algo', run.params['algorithm'])
    try:
        with service.slots.taken(run.ctx.project_id, service.options.import_per_project):
            size, hashes = _read(service, run, _place(service, run), algorithm)
    except (Unavailable, DeadlineExceeded) as error:
        if run.attempt + 1 < service.options.import_tries:
            raise Transient(error.message, admin_detail=error.admin_detail) from error
        raise InvalidInput(error.message, admin_detail=error.admin_detail) from error
    found: dict[str, Any] = {'size': size, 'os_hash_algo': algorithm, **hashes}
    for name, wanted in run.params['hashes'].items():
        if found[name] != wanted:
            raise InvalidInput(f'The data at the location is not what was said: its {name} is {found[name]}, not {wanted}.', field=name)
    return found


def _place(service: ImageService, run: Run) -> LocationRecord:
    with service.db.read() as session:
        for place in queries.of_images(session, [run.resource_id]).get(run.resource_id, []):
            if place.url == run.params['url']:
                return place
    raise Gone(f'Image {run.resource_id} is not at the location any more.')


def _read(service: ImageService, run: Run, place: LocationRecord, algorithm: str) -> tuple[int, dict[str, str]]:
    size = 0
    digests, pace = hashing.Digests(algorithm), Pace(service.options.import_min_speed)
    try:
        with contextlib.closing(reading.open_place(service, place)) as source:
            while chunk := source.read(service.options.chunk):
                run.check()
                size += len(chunk)
                pace.note(len(chunk))
                if size > service.options.max_size:
                    raise TooLarge(f'An image has at most {service.options.max_size} bytes.')
                digests.update(chunk)
    finally:
        hashes = digests.close()
    return size, hashes


def _done(session: Session, run: Run) -> None:
    found = run.outputs.get('hash') or {}
    if found:
        queries.verify(session, run.resource_id, now())
        # Where nobody waited the image has been active all the time, or was taken out of use meanwhile: that is not undone here.
        expect, values = ({'status': IMPORTING}, {'status': ACTIVE, 'reserved_size': 0}) if _waits(run) else ({}, {})
        if not image_queries.set_columns(session, run.resource_id, expect=expect, **found, **values, updated_at=now()):
            raise Gone(f'Image {run.resource_id} was deleted.')
    tasks.end(session, run.params['task'], run.params['task_hours'], result={'image_id': run.resource_id})


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    """What was said of the image's data stays to be seen, but is not read from; what is active already stays so, without a hash."""
    image_queries.set_columns(
        session, run.resource_id, expect={'status': IMPORTING}, status=QUEUED, size=None, reserved_size=0, updated_at=now()
    )  # fmt: skip
    if not _waits(run):
        image_queries.set_columns(session, run.resource_id, expect={'os_hash_value': None}, os_hash_algo=None)
    tasks.end(session, run.params['task'], run.params['task_hours'], message=fault.get('message', ''))


def _superseded(session: Session, run: Run) -> None:
    tasks.end(session, run.params['task'], run.params['task_hours'], message='The image was deleted before its data had been read.')


ADD_LOCATION = Operation(
    'image.add_location',
    of='image',
    deadline=_DEADLINE,
    steps=[Step('begin', save=_begin), Step('hash', do=_hash, when=lambda run: run.params['hash'])],
    on_done=_done,
    on_failed=_failed,
    on_superseded=_superseded,
)
