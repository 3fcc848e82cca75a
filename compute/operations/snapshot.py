"""Making an image of a server's disk. Read `SNAPSHOT` at the end first: it is the recipe.

The image is registered under an id that was chosen when the operation started, the copy on the host is named after it, and
whatever goes wrong takes both away again: an image of ours is either whole or gone.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from common.clock import now
from common.errors import Conflict, Forbidden, Gone, NotFound, PileusError, Refused
from common.operations import HOST, SERVICE, NotYet, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.operations.images import teller
from compute.server_states import IMAGE_PENDING_UPLOAD, IMAGE_SNAPSHOT, IMAGE_UPLOADING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from common.rest import RestClient
    from compute.virt.base import Tell

LOG = logging.getLogger(__name__)
_PIECE = 1 << 20
_TRIES = 20  # uploads that break off before the snapshot is given up
_SILENCE = 600.0  # seconds that the image service may say nothing; it may have much to write out at the end
_PATCH = {'Content-Type': 'application/openstack-images-v2.1-json-patch'}
_OCTETS = {'Content-Type': 'application/octet-stream'}


class ImageDeleted(Gone):
    """Somebody has deleted the image before it was whole: there is nothing left to do, and nothing is wrong."""

    code = 'image_deleted'


def _path(run: Run) -> str:
    return f'/v2/images/{run.params["image_id"]}'


def _deleted(run: Run) -> ImageDeleted:
    return ImageDeleted(f'Image {run.params["image_id"]} was deleted before it was whole.')


# -- the image


def _register(run: Run) -> dict[str, Any]:
    return register(run, run.params['image'])


def register(run: Run, image: dict[str, Any]) -> dict[str, Any]:
    """Register the image under the operation's id; done again it is the same one."""
    client: RestClient = run.world.image.with_context(run.ctx)
    try:
        client.post('/v2/images', image)
    except Conflict:
        client.get(_path(run))  # it is the one of an attempt that was cut short
    return {'image_id': run.params['image_id']}


def remove_image(run: Run, output: dict[str, Any] | None) -> None:
    """Take the image away again; an absent one is fine."""
    client: RestClient = run.world.image.with_context(run.ctx)
    try:
        client.delete(_path(run))
    except NotFound:
        return
    except Forbidden:  # its owner has protected it meanwhile: against deletion by hand, not against being half an image
        _patch(client, run, 'protected', False)
        client.delete(_path(run))


def _patch(client: RestClient, run: Run, name: str, value: Any) -> None:
    change = json.dumps([{'op': 'replace', 'path': f'/{name}', 'value': value}]).encode()
    client.request('PATCH', _path(run), data=change, headers=_PATCH)


def _saves(task_state: str) -> Any:
    def save(session: Session, run: Run, output: dict[str, Any] | None) -> None:
        queries.set_state(session, run.resource_id, now(), task_state=task_state)

    return save


# -- on the host


def _copy(run: Run) -> dict[str, Any]:
    return {'size': run.world.driver.make_snapshot(run.resource_id, run.params['image_id'], teller(run, 'copied'))}


def _remove_copy(run: Run, output: dict[str, Any] | None) -> None:
    run.world.driver.delete_snapshot(run.resource_id, run.params['image_id'])


def _say_format(run: Run) -> None:
    client = run.world.service.image.with_context(run.ctx)
    try:
        if client.get(_path(run))['disk_format'] is None:
            _patch(client, run, 'disk_format', run.world.driver.snapshot_format)
    except NotFound:
        raise _deleted(run) from None


class _Copy:
    """The file of the copy as the body of an upload: each pass begins at the start, and leaves its hash and size behind."""

    def __init__(self, file: BinaryIO, tell: Tell, total: int) -> None:
        self._file, self._tell, self._total = file, tell, total
        self.size, self._digest = 0, hashlib.sha512()

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        self.size, self._digest = 0, hashlib.sha512()
        while piece := self._file.read(_PIECE):
            self._digest.update(piece)
            self.size += len(piece)
            self._tell(self.size, self._total)
            yield piece

    @property
    def sha512(self) -> str:
        """Of what has been read."""
        return self._digest.hexdigest()


def _upload(run: Run) -> None:
    client: RestClient = run.world.service.image.with_context(run.ctx)
    try:
        status = client.get(_path(run))['status']
        if status == 'saving':
            raise NotYet('The upload of a process that died is still being cleared away.', after=1.0)
        with run.world.driver.open_snapshot(run.resource_id, run.params['image_id']) as file:
            copy = _Copy(file, teller(run, 'sent'), int((run.outputs['copy_disk'] or {})['size']))
            if status == 'active':  # an attempt that could not say so has sent it all
                for _ in copy:
                    continue
            else:
                _send(run, client, copy)
        _verify(client.get(_path(run)), copy)
    except (NotFound, Gone):
        run.check()
        raise _deleted(run) from None


def _send(run: Run, client: RestClient, copy: _Copy) -> None:
    try:
        client.request('PUT', f'{_path(run)}/file', data=copy, headers=_OCTETS, timeout=_SILENCE)
    except (NotFound, Gone):
        raise
    except Conflict:
        run.check()
        raise NotYet('The image takes no data yet.', after=1.0) from None
    except PileusError as error:
        run.check()  # a reader in the same process passes our own reason to stop on as its answer
        if error.status >= 500 and run.attempt >= _TRIES:
            raise Refused(f'The image service has not taken the data: {error.message}', admin_detail=error.admin_detail) from error
        raise


def _verify(image: dict[str, Any], copy: _Copy) -> None:
    same = image['size'] == copy.size and (image['os_hash_algo'] != 'sha512' or image['os_hash_value'] == copy.sha512)
    if image['status'] != 'active' or not same:
        raise PileusError('The image that the image service has is not what was sent to it; make another one.')


# -- backups


def rotate(run: Run) -> None:
    """Remove the oldest backups of the kind, but for as many as are to be kept."""
    client: RestClient = run.world.image.with_context(run.ctx)
    query = (
        f'?image_type=backup&instance_uuid={run.resource_id}&backup_type={run.params["backup_type"]}&owner={run.params["project_id"]}'
        '&sort=created_at:desc,id:desc&limit=1000'
    )
    for image in client.get('/v2/images' + query)['images'][run.params['rotation'] :]:
        try:
            client.delete(f'/v2/images/{image["id"]}')
        except NotFound:
            continue
        except Forbidden:
            LOG.info('backup %s of server %s is protected and stays', image['id'], run.resource_id)


# -- conditions, and the end


def _makes_image(run: Run) -> bool:
    return run.params.get('image') is not None


def is_backup(run: Run) -> bool:
    """Whether older images of the kind are to be removed."""
    return run.params.get('rotation') is not None


def done(session: Session, run: Run) -> None:
    """Nothing is at work on the server any more."""
    queries.set_state(session, run.resource_id, now(), task_state=None)


def failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    """The server stays what it was."""
    told = {} if fault.get('code') == ImageDeleted.code else {'fault': describe.fault(fault)}
    queries.set_state(session, run.resource_id, now(), task_state=None, **told)


def superseded(session: Session, run: Run) -> None:
    """A delete has overtaken it, which says what happens to the row."""


SNAPSHOT = Operation(
    'server.snapshot',
    of='server',
    deadline=minutes(240),
    steps=[
        Step('register_image', on=SERVICE, do=_register, undo=remove_image, save=_saves(IMAGE_SNAPSHOT), when=_makes_image),
        Step('copy_disk', on=HOST, do=_copy, undo=_remove_copy, save=_saves(IMAGE_PENDING_UPLOAD), when=_makes_image),
        Step('say_format', on=HOST, do=_say_format, save=_saves(IMAGE_UPLOADING), when=_makes_image),
        Step('upload', on=HOST, do=_upload, when=_makes_image),
        Step('remove_copy', on=HOST, do=lambda run: _remove_copy(run, None), when=_makes_image),
        Step('rotate', on=SERVICE, do=rotate, when=is_backup),
    ],
    on_done=done,
    on_failed=failed,
    on_superseded=superseded,
)
