"""Importing the data of an image: from the staging area, a web server, another image service, or to more stores.

What is fetched waits in the staging area, so a process that dies costs no more than the step in hand, and not even all of that: a
transfer goes on where it broke off. The image is `importing` until all is in place; then it becomes active in the transaction that ends
the operation. Before that nobody can see a half of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.db import after_commit
from common.errors import Conflict, Gone, InvalidInput, NotFound, PileusError, TooLarge, Transient, Unavailable
from common.operations import Operation, Step, minutes
from image import locations, quotas, reading, tasks
from image.conversion import QEMU, convert
from image.db import images as image_queries
from image.db import imports as queries
from image.db import locations as location_queries
from image.download import Download
from image.placing import place
from image.records import ACTIVE, IMPORTING, QUEUED, UPLOADING
from image.room import Room
from image.sources import described, opener

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from image.placing import Source
    from image.service import ImageService

DIRECT, WEB, OTHER_CLOUD, COPY = METHODS = ('glance-direct', 'web-download', 'glance-download', 'copy-image')
_BAD_DATA = 'bad_image_data'
_DEADLINE = minutes(12 * 60)


def _fetched(run: Run) -> bool:
    return run.params['method'] in (WEB, OTHER_CLOUD)


def _begin(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    tasks.proceed(session, run.params['task'])


# -- describe: what the other image service says of its image


def _describe(run: Run) -> dict[str, Any]:
    try:
        return described(run.world, run.ctx, run.params)
    except Unavailable as error:
        raise _again(run, error) from error


def _take_formats(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    assert output is not None
    formats = {name: output[name] for name in ('disk_format', 'container_format')}
    image_queries.set_columns(session, run.resource_id, expect=_ours(run), **formats)


def _give_formats_back(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    image_queries.set_columns(session, run.resource_id, expect=_ours(run), **run.params['formats'])


def _ours(run: Run) -> dict[str, Any]:
    """What the image's row holds while it is this import's."""
    return {} if run.params['method'] == COPY else {'status': IMPORTING, 'upload_id': run.params['stage']}


# -- fetch: into the staging area


def _fetch(run: Run) -> dict[str, Any]:
    service: ImageService = run.world
    options = service.options
    with service.slots.taken(run.ctx.project_id, options.import_per_project):
        try:
            open_source = opener(service, run)
        except Unavailable as error:
            raise _again(run, error) from error
        download = Download(
            service.staging, run.resource_id, run.params['stage'], open_source, run.check, tries=options.import_tries,
            chunk=options.chunk, limit=options.max_size, min_speed=options.import_min_speed, arrived=_reserve(run),
        )  # fmt: skip
        return {'size': download.run()}


def _reserve(run: Run) -> Callable[[int, int | None], None]:
    """Keeps room for what is fetched, where it waits and where it goes; OverQuota as soon as there cannot be enough."""
    waiting, stored = _room(run, quotas.STAGE), _room(run, quotas.SIZE)

    def arrived(size: int, whole: int | None) -> None:
        if whole is None:
            waiting.cover(size)
            return
        waiting.take(whole)
        if not _to_be_converted(run):
            stored.take(whole * len(run.params['stores']))

    return arrived


def _room(run: Run, resource: str) -> Room:
    return Room(run.world, run.params['owner'], run.resource_id, resource, lambda: _ours(run))


def _note_size(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    assert output is not None
    image_queries.set_columns(session, run.resource_id, expect=_ours(run), size=output['size'])


def _unfetch(run: Run, output: dict[str, Any] | None) -> None:
    run.world.staging.remove(run.resource_id, run.params['stage'])


def _forget_size(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    image_queries.set_columns(session, run.resource_id, expect=_ours(run), size=None)


# -- convert: into the format that the operator wants


def _to_be_converted(run: Run) -> bool:
    formats = _formats(run)
    return (
        run.params['method'] != COPY
        and bool(run.params['convert_to'])
        and formats['container_format'] == 'bare'
        and formats['disk_format'] in QEMU
        and formats['disk_format'] != run.params['convert_to']
    )


def _formats(run: Run) -> dict[str, Any]:
    return run.outputs.get('describe') or run.params['formats']


def _convert(run: Run) -> dict[str, Any]:
    area, stage, wanted = run.world.staging, run.params['stage'], run.params['convert_to']
    target = area.converted(run.resource_id, stage)
    source = area.path(run.resource_id, stage)
    try:
        virtual_size = convert(run.world, source, _formats(run)['disk_format'], wanted, target, check=run.check)
    except (InvalidInput, TooLarge) as error:
        raise InvalidInput(error.message, code=_BAD_DATA, admin_detail=error.admin_detail) from error
    except Unavailable as error:
        raise _again(run, error) from error
    return {'disk_format': wanted, 'virtual_size': virtual_size, 'size': target.stat().st_size}


def _take_format(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    image_queries.set_columns(session, run.resource_id, expect=_ours(run), **(output or {}))


def _unconvert(run: Run, output: dict[str, Any] | None) -> None:
    run.world.staging.remove_converted(run.resource_id, run.params['stage'])


def _give_format_back(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    size = run.world.staging.size(run.resource_id, run.params['stage'])
    values = {'disk_format': _formats(run)['disk_format'], 'virtual_size': None, 'size': size}
    image_queries.set_columns(session, run.resource_id, expect=_ours(run), **values)


def _again(run: Run, error: PileusError) -> PileusError:
    """The error of what may pass, as one that is final after some tries."""
    if error.code != 'storage_full' and run.attempt + 1 < run.world.options.import_tries:
        return Transient(error.message, admin_detail=error.admin_detail)
    return Conflict(error.message, code=error.code, admin_detail=error.admin_detail)


# -- place: into the stores


def _place(run: Run) -> dict[str, Any]:
    """Into one store after the other. A store that has the data already costs nothing, so the step may run as often as it likes."""
    service: ImageService = run.world
    left: list[str] = list(run.params['stores'])
    failed: dict[str, str] = {}
    passing: PileusError | None = None
    size = _reserve_stores(run)
    for name in run.params['stores']:
        run.check()
        try:
            place(service, run.resource_id, name, lambda: _open(run), owner=run.operation_id, check=run.check, **_kept(run, size, left))
        except InvalidInput as error:
            raise InvalidInput(error.message, code=_BAD_DATA, admin_detail=error.admin_detail) from error
        except (Unavailable, Conflict) as error:
            judged = _again(run, error)
            if isinstance(judged, Transient):
                passing = judged
                continue
            failed[name] = error.message
        left.remove(name)
        with service.db.write() as session:
            queries.report(session, run.resource_id, left, sorted(failed))
    if passing is not None:
        raise passing
    if failed and (run.params['must_succeed'] or len(failed) == len(run.params['stores'])):
        reasons = '; '.join(f'{name}: {message}' for name, message in failed.items())
        raise Conflict(f'The data could not be stored. {reasons}', code='store_failed', details={'stores': sorted(failed)})
    _check_hash(run)
    return {'failed': sorted(failed)}


def _reserve_stores(run: Run) -> int:
    """Keep room in all stores for what is there now, whole and converted; gives its size in bytes."""
    with run.world.db.read() as session:
        record = image_queries.get_image(session, run.resource_id)
    size = (record.size or 0) if record is not None else 0
    if run.params['method'] != COPY:  # a copy's was reserved when it began
        _room(run, quotas.SIZE).take(size * len(run.params['stores']))
    return size


def _kept(run: Run, size: int, left: list[str]) -> dict[str, int]:
    """What stays reserved when the next store has the data: those of an active image count from then on."""
    return {'reserved_size': size * (len(left) - 1)} if run.params['method'] == COPY else {}


def _check_hash(run: Run) -> None:
    """Raise InvalidInput for data that is not what the other image service has."""
    wanted = run.outputs.get('describe') or {}
    if not wanted.get('os_hash_value') or 'convert' in run.outputs:
        return
    with run.world.db.read() as session:
        record = image_queries.get_image(session, run.resource_id)
    if record is not None and record.os_hash_algo == wanted['os_hash_algo'] and record.os_hash_value != wanted['os_hash_value']:
        raise InvalidInput('The data is not what the other image service has.', code=_BAD_DATA)


def _open(run: Run) -> Source:
    service: ImageService = run.world
    if run.params['method'] != COPY:
        try:
            return service.staging.open(run.resource_id, run.params['stage'], converted='convert' in run.outputs)
        except NotFound as error:
            raise InvalidInput(error.message) from error
    with service.db.read() as session:
        record = image_queries.get_image(session, run.resource_id)
    if record is None:
        raise Gone(f'Image {run.resource_id} was deleted.')
    return reading.open_image(service, record)


def _unplace(run: Run, output: dict[str, Any] | None) -> None:
    """Out of the stores that this import was to fill; none of them had the data when it began."""
    service: ImageService = run.world
    with service.db.write() as session:
        found = [location_queries.find_own(session, run.resource_id, name) for name in run.params['stores']]
        ids = [row.id for row in found if row is not None]
        if run.params['method'] == COPY:
            # Should the first copy have been taken away meanwhile, one of these is the last.
            active = location_queries.of_images(session, [run.resource_id]).get(run.resource_id, [])
            if active and all(row.id in ids for row in active):
                ids.remove(active[0].id)
        rows = location_queries.drop(session, run.resource_id, now(), ids) if ids else []
    locations.purge(service, rows)


def _forget_hashes(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    if run.params['method'] != COPY:
        nothing = dict.fromkeys(('checksum', 'os_hash_algo', 'os_hash_value'))
        virtual_size = (run.outputs.get('convert') or {}).get('virtual_size')
        image_queries.set_columns(session, run.resource_id, expect=_ours(run), virtual_size=virtual_size, **nothing)


# -- the end


def _done(session: Session, run: Run) -> None:
    failed = (run.outputs['place'] or {})['failed']
    if run.params['method'] != COPY:
        values = {'status': ACTIVE, 'upload_id': None, 'upload_until': None, 'updated_at': now()}
        if not image_queries.set_columns(session, run.resource_id, expect=_ours(run), **values):
            raise Gone(f'Image {run.resource_id} was deleted while it was imported.')
        queries.set_properties(session, run.resource_id, (run.outputs.get('describe') or {}).get('properties', {}))
    _free(session, run)
    queries.report(session, run.resource_id, [], failed)
    tasks.end(session, run.params['task'], run.params['task_hours'], result={'image_id': run.resource_id})
    _remove_stage_later(session, run)


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    if run.params['temporary']:
        image_queries.remove_image(session, run.resource_id)
    elif run.params['method'] != COPY:
        # Data that is good can be imported once more; data that is not, and what was fetched, is gone.
        again = run.params['method'] == DIRECT and fault.get('code') != _BAD_DATA
        values = {'status': UPLOADING} if again else {'status': QUEUED, 'upload_id': None, 'upload_until': None, 'size': None}
        image_queries.set_columns(session, run.resource_id, expect=_ours(run), **values, updated_at=now())
        if not again:
            _remove_stage_later(session, run)
    _free(session, run)
    queries.report(session, run.resource_id, [], run.params['stores'])
    tasks.end(session, run.params['task'], run.params['task_hours'], message=fault.get('message', ''))


def _free(session: Session, run: Run) -> None:
    """Keep no room any more."""
    image_queries.set_columns(session, run.resource_id, expect={}, reserved_size=0, reserved_stage=0)


def _superseded(session: Session, run: Run) -> None:
    tasks.end(session, run.params['task'], run.params['task_hours'], message='The image was deleted before the import had ended.')


def _remove_stage_later(session: Session, run: Run) -> None:
    """Nobody owns the stage any more after this transaction; what a crash leaves here, the sweep removes."""
    if run.world is not None and run.params['stage']:
        service: ImageService = run.world
        after_commit(session, lambda: service.staging.remove(run.resource_id, run.params['stage']))


IMPORT = Operation(
    'image.import',
    of='image',
    deadline=_DEADLINE,
    steps=[
        Step('begin', save=_begin),
        Step(
            'describe', do=_describe, save=_take_formats, undo_save=_give_formats_back, when=lambda run: run.params['method'] == OTHER_CLOUD
        ),
        Step('fetch', do=_fetch, save=_note_size, undo=_unfetch, undo_save=_forget_size, when=_fetched),
        Step('convert', do=_convert, save=_take_format, undo=_unconvert, undo_save=_give_format_back, when=_to_be_converted),
        Step('place', do=_place, undo=_unplace, undo_save=_forget_hashes),
    ],
    on_done=_done,
    on_failed=_failed,
    on_superseded=_superseded,
)
