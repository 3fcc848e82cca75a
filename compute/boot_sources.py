"""What servers begin with: the image and the mappings of a request, looked up and found fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import InvalidInput, NotFound
from compute import attachments, block_devices
from compute.block_devices import Disks, NewVolume

if TYPE_CHECKING:
    from compute.db.models import Flavor
    from compute.service import ComputeService

_GIB = 1 << 30
_FIELD = 'block_device_mapping_v2'


def understand(service: ComputeService, ctx: Context, body: dict[str, Any], flavor: Flavor) -> tuple[Disks, dict[str, Any] | None]:
    """The disks of a request, and the image of the root disk if there is one. Raises InvalidInput, NotFound.

    An image of a server that booted from volumes has no data: it names snapshots, and volumes are made of those.
    """
    mappings = body.get(_FIELD) or ()
    disks = block_devices.parse(body.get('imageRef'), mappings)
    image = find_image(service, ctx, disks.image_id) if disks.image_id else None
    if image is not None and image.get('block_device_mapping'):
        others = [entry for entry in mappings if not (entry.get('source_type') == 'image' and entry.get('destination_type') == 'local')]
        disks, image = block_devices.parse(None, [*_kept(image), *others]), None
    for disk in disks.volumes:
        if disk.source is not None:
            _check_source(service, ctx, flavor, disk.source)
        else:
            attachments.check_volume(service, ctx, str(disk.volume_id), bootable=disk.boot_index == 0)
    return disks, image


def _kept(image: dict[str, Any]) -> list[dict[str, Any]]:
    """The mappings that an image names, in the form of a request."""
    try:
        found = json.loads(image['block_device_mapping'])
        names = ('source_type', 'destination_type', 'boot_index', 'volume_size', 'volume_type', 'delete_on_termination', 'tag')
        return [{name: entry.get(name) for name in names} | {'uuid': entry.get('snapshot_id')} for entry in found]
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput(f'The block_device_mapping of image {image["id"]} cannot be read.', field='imageRef') from None


def find_image(service: ComputeService, ctx: Context, reference: str) -> dict[str, Any]:
    """An active image that the caller may use. Raises InvalidInput."""
    try:
        image = service.image_of(ctx, reference)
    except NotFound:
        raise InvalidInput(f'Can not find requested image {reference[:64]}', field='imageRef') from None
    visible = image['visibility'] in ('public', 'community') or image['owner'] == ctx.project_id or ctx.is_admin
    if not visible and not _is_member(service, ctx, reference):
        raise InvalidInput(f'Can not find requested image {reference}', field='imageRef')
    if image['status'] != 'active':
        raise InvalidInput(f'Image {reference} is not active.', field='imageRef')
    return image


def _is_member(service: ComputeService, ctx: Context, image_id: str) -> bool:
    members = service.image.with_context(ctx).get(f'/v2/images/{image_id}/members')['members']
    return any(member['member_id'] == ctx.project_id for member in members)


def check_memory(image: dict[str, Any], flavor: Flavor) -> None:
    """Raise InvalidInput when the image needs more memory than the flavor has."""
    if image['min_ram'] > flavor.memory_mib:
        raise InvalidInput(f"Flavor's memory is too small for requested image: {image['min_ram']} MiB are needed.", field='flavorRef')


def least_disk(image: dict[str, Any]) -> float:
    """GiB that the image needs."""
    return float(max(image['min_disk'], (image.get('virtual_size') or image.get('size') or 0) / _GIB))


def _check_source(service: ComputeService, ctx: Context, flavor: Flavor, source: NewVolume) -> None:
    """Raise InvalidInput for what a volume cannot be made of, as far as can be known before."""
    least = 0.0
    if source.kind == 'image':
        image = find_image(service, ctx, str(source.id))
        if image.get('block_device_mapping'):
            raise InvalidInput(f'Image {source.id} names snapshots and has no data; boot it without a mapping.', field=_FIELD)
        check_memory(image, flavor)
        least = least_disk(image)
    elif source.kind == 'snapshot':
        least = float(_snapshot(service, ctx, str(source.id))['size'])
    if source.size is not None and source.size < least:
        raise InvalidInput(f'Volume size {source.size} GiB is too small: {source.kind} {source.id} needs {least:.2f} GiB.', field=_FIELD)


def _snapshot(service: ComputeService, ctx: Context, snapshot_id: str) -> dict[str, Any]:
    try:
        found = service.volume.with_context(ctx).get(f'/v3/snapshots/{snapshot_id}')['snapshot']
    except NotFound:
        found = None
    if found is None or (found.get('os-extended-snapshot-attributes:project_id') != ctx.project_id and not ctx.is_admin):
        raise InvalidInput(f'Snapshot {snapshot_id} could not be found.', field=_FIELD)
    if found['status'] != 'available':
        raise InvalidInput(f'Snapshot {snapshot_id} is {found["status"]}, not available.', field=_FIELD)
    return dict(found)
