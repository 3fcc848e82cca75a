"""The rules of images made of servers: what may be copied, what the image is called and carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import errors
from common.clock import monotonic, sleep
from common.context import Context
from common.errors import Conflict, InvalidInput, PileusError
from common.ids import new_id
from compute import servers
from compute.db import servers as queries
from compute.db.models import Server
from compute.image_properties import ATTRIBUTES
from compute.operations.snapshot import SNAPSHOT
from compute.operations.volume_snapshots import SNAPSHOT_OF_VOLUMES
from compute.server_states import IMAGE_SNAPSHOT_PENDING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from compute.service import ComputeService

PATIENCE = 20.0
"""Seconds that a request waits for its image to be registered."""
_UNTIL_REGISTERED = ('keep_volumes', 'register_image')
_KINDS: dict[int, type[PileusError]] = {400: errors.InvalidInput, 403: errors.Forbidden, 409: errors.Conflict, 413: errors.TooLarge}


def create_image(service: ComputeService, ctx: Context, server_id: str, name: str, metadata: dict[str, str]) -> tuple[str, str]:
    """Start to make an image of the server's disk; gives the ids of the image and of the operation.

    Of a server that boots from a volume all volumes are kept as snapshots, and the image names those.

    :raises: NotFound, Forbidden, InvalidInput, Conflict (state), OverQuota
    """
    image_id = new_id()

    def change(session: Session) -> str:
        server = _found(service, ctx, session, server_id, 'create_image', metadata)
        image = _image(server, image_id, name, 'snapshot', metadata)
        return _begin(service, ctx, session, server, 'create_image', {'image_id': image_id, 'image': image})

    return image_id, servers.in_turn(service, change)


def create_backup(
    service: ComputeService, ctx: Context, server_id: str, name: str, backup_type: str, rotation: int, metadata: dict[str, str]
) -> tuple[str | None, str]:
    """Likewise, and remove all but the newest `rotation` backups of that type; with 0 no image is made and its id is None."""
    image_id = new_id() if rotation else None

    def change(session: Session) -> str:
        server = _found(service, ctx, session, server_id, 'create_backup', metadata)
        params: dict[str, Any] = {'backup_type': backup_type, 'rotation': rotation, 'project_id': server.project_id}
        if image_id is not None:
            image = _image(server, image_id, name, 'backup', {**metadata, 'backup_type': backup_type})
            params |= {'image_id': image_id, 'image': image}
        return _begin(service, ctx, session, server, 'create_backup', params)

    return image_id, servers.in_turn(service, change)


def _found(service: ComputeService, ctx: Context, session: Session, server_id: str, action: str, metadata: dict[str, str]) -> Server:
    server = servers.find(service, ctx, session, server_id, f'compute:servers:{action}')
    servers.check_metadata_count(service, session, server.project_id, metadata)
    taken = sorted(ATTRIBUTES & set(metadata))
    if taken:
        raise InvalidInput(f'{taken[0]} is an attribute of images and cannot be a key of their metadata.', field='metadata')
    if server.image_id is None and action == 'create_backup':
        raise InvalidInput(f'Instance {server.id} boots from a volume, of which no backup is made here. Make an image of it (createImage).')
    return server


def _begin(service: ComputeService, ctx: Context, session: Session, server: Server, action: str, params: dict[str, Any]) -> str:
    recipe = SNAPSHOT
    if server.image_id is None:
        recipe = SNAPSHOT_OF_VOLUMES
        kept = ('volume_id', 'device', 'boot_index', 'delete_on_termination')
        attached = [one for one in queries.volumes_of(session, [server.id])[server.id] if one.status == 'attached']
        params = {**params, 'volumes': [{name: getattr(one, name) for name in kept} for one in attached]}
    return servers.begin(service, ctx, session, server, action, recipe, IMAGE_SNAPSHOT_PENDING, params)


def _image(server: Server, image_id: str, name: str, image_type: str, metadata: dict[str, str]) -> dict[str, Any]:
    """The body that registers the image. What the source image says of guests, and what the user says, goes along."""
    source = server.requested.get('image') or {}
    properties = {
        **source.get('properties', {}),
        'base_image_ref': server.image_id or '',
        'image_type': image_type,
        'instance_uuid': server.id,
        'user_id': server.user_id,
        'owner_id': server.project_id,
        **metadata,
    }
    about = {
        'id': image_id,
        'name': name,
        'owner': server.project_id,
        'visibility': 'private',
        'container_format': 'bare',
        'min_disk': server.root_gib or source.get('min_disk') or 0,
        'min_ram': source.get('min_ram') or 0,
    }
    return {**properties, **about}


def wait_until_registered(service: ComputeService, operation_id: str) -> None:
    """Wait until the image can be seen, so that the answer to the user does not name what is not there yet.

    :raises: what the image service has against the image; Conflict when the server is being deleted. When it takes too long the
        operation goes on, and so does the caller.
    """
    end = monotonic() + PATIENCE
    while monotonic() < end:
        record = service.ops.store.load(operation_id)
        if record is None or record.state == 'done' or 'register_image' in record.outputs:
            return
        if record.state == 'superseded':
            raise Conflict('The server is being deleted.')
        if record.fault and record.fault.get('step', 'register_image') not in _UNTIL_REGISTERED:
            return  # it was registered, and is gone again by now
        if record.fault:
            kind = _KINDS.get(int(record.fault.get('status') or 500), errors.Unavailable)
            raise kind(str(record.fault.get('message')))
        sleep(0.01)
