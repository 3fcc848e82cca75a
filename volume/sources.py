"""What a new volume may begin with: an image, a snapshot, or another volume."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import InvalidInput, NotFound
from volume import snapshots, volumes
from volume.db import volumes as queries
from volume.volume_states import AVAILABLE, IN_USE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService

_GIB = 1 << 30
_SHOWN = ('checksum', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'size')
_KEPT = ('id', 'disk_format', 'size', 'os_hash_algo', 'os_hash_value')
# What an image says of itself; all else in it are properties that the volume takes over.
_ATTRIBUTES = frozenset(
    {
        'id', 'name', 'status', 'visibility', 'owner', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'protected', 'os_hidden',
        'size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value', 'created_at', 'updated_at', 'tags', 'self', 'file', 'schema',
        'direct_url', 'locations', 'stores',
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What the volume begins with.

    `params`: for the operation; `least`: GiB that the volume must have; `host`: where it has to be, None where that is free;
    `columns`: of the new volume.
    """

    params: dict[str, Any]
    least: int = 1
    host: str | None = None
    columns: dict[str, Any] = dataclasses.field(default_factory=dict)


def of_image(service: VolumeService, ctx: Context, image_id: str) -> Source:
    """An image, which is asked for outside of any transaction. Raises InvalidInput."""
    field = 'imageRef'
    if len(image_id) > 36:
        raise InvalidInput(f'Invalid image identifier {image_id[:64]} or unable to access requested image.', field=field)
    client = service.image.with_context(ctx)
    try:
        image = client.get(f'/v2/images/{image_id}')
        if not (image['visibility'] in ('public', 'community') or image['owner'] == ctx.project_id or ctx.is_admin):
            members = client.get(f'/v2/images/{image_id}/members')['members']
            if not any(member['member_id'] == ctx.project_id for member in members):
                raise NotFound('image', image_id)
    except NotFound:
        raise InvalidInput(f'Invalid image identifier {image_id} or unable to access requested image.', field=field) from None
    if image['status'] != 'active':
        raise InvalidInput(f'Image {image_id} is not active.', field=field)
    if image['container_format'] != 'bare':
        raise InvalidInput(f'Image {image_id} is a {image["container_format"]}, not a bare disk.', field=field)
    data = {name: str(value) for name, value in image.items() if name not in _ATTRIBUTES}
    data |= {'image_id': image['id'], 'image_name': image['name'] or '', **{name: str(image[name]) for name in _SHOWN}}
    least = max(1, image['min_disk'], -(-int(image.get('virtual_size') or image.get('size') or 0) // _GIB))
    return Source({'image': {name: image.get(name) for name in _KEPT}}, least, None, {'bootable': True, 'image_metadata': data})


def of_snapshot(service: VolumeService, ctx: Context, session: Session, snapshot_id: str) -> Source:
    """A snapshot. Raises NotFound, InvalidInput."""
    snapshot = snapshots.find(service, ctx, session, snapshot_id)
    if snapshot.status != AVAILABLE:
        raise InvalidInput(
            f'Snapshot {snapshot_id} is {snapshot.status}; only of an available one a volume can be made.', field='snapshot_id'
        )
    origin = queries.get(session, snapshot.volume_id)
    columns: dict[str, Any] = {'snapshot_id': snapshot.id}
    if origin is not None:
        columns |= {'bootable': origin.bootable, 'image_metadata': origin.image_metadata}
    return Source({'snapshot': snapshot.id}, snapshot.volume_size, snapshot.host, columns)


def of_volume(service: VolumeService, ctx: Context, session: Session, volume_id: str) -> Source:
    """Another volume. Raises NotFound, InvalidInput."""
    queries.hold(session, volume_id)
    volume = volumes.find(service, ctx, session, volume_id)
    if volume.status not in (AVAILABLE, IN_USE):
        raise InvalidInput(f'Volume {volume_id} is {volume.status}; only of an available one a copy can be made.', field='source_volid')
    columns = {'source_volid': volume.id, 'bootable': volume.bootable, 'image_metadata': volume.image_metadata}
    return Source({'volume': volume.id, 'in_use': volume.status == IN_USE}, volume.size, volume.host, columns)
