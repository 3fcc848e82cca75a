"""What a server boots from and which volumes it starts with: `block_device_mapping_v2` of a request, understood."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from common.errors import InvalidInput

_FIELD = 'block_device_mapping_v2'
_LETTERS = 'abcdefghijklmnopqrstuvwxyz'


@dataclasses.dataclass(frozen=True, slots=True)
class NewVolume:
    """What a volume is to be made of: `kind` image or snapshot with its `id`, or blank. `size` in GiB; None: as large as the snapshot."""

    kind: str
    id: str | None
    size: int | None
    volume_type: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeDisk:
    """A volume that a server starts with. `boot_index` 0: it boots from it; None: it does not. `source`: it is made with the server."""

    volume_id: str | None
    device: str
    boot_index: int | None = None
    delete_on_termination: bool = False
    tag: str | None = None
    source: NewVolume | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Disks:
    """`image_id` None: the first volume is the root disk."""

    image_id: str | None
    volumes: tuple[VolumeDisk, ...] = ()

    @property
    def present(self) -> list[VolumeDisk]:
        """Volumes that are there already."""
        return [disk for disk in self.volumes if disk.source is None]

    @property
    def new(self) -> list[dict[str, Any]]:
        """Volumes that are made with the server, as the boot operation keeps them."""
        return [
            {
                'kind': disk.source.kind, 'id': disk.source.id, 'size': disk.source.size, 'volume_type': disk.source.volume_type,
                'device': disk.device, 'boot_index': disk.boot_index, 'tag': disk.tag, 'delete_on_termination': disk.delete_on_termination,
            }
            for disk in self.volumes if disk.source is not None
        ]  # fmt: skip


def parse(image_reference: str | None, mappings: Iterable[dict[str, Any]]) -> Disks:
    """What a request's image and mappings mean. Raises InvalidInput for what is contradictory or cannot be done here."""
    image_id = (image_reference or '').rstrip('/').rpartition('/')[2] or None
    volumes: list[VolumeDisk] = []
    roots: list[str] = []
    for mapping in mappings:
        source, destination, boot_index = _kinds(mapping)
        if source == 'image' and destination == 'local':
            if boot_index != 0:
                raise _invalid('an image on local disk can only be the one that the server boots from (boot_index 0)')
            if image_id is not None and mapping['uuid'] != image_id:
                raise _invalid('imageRef and the mapping with boot_index 0 name different images')
            image_id = mapping['uuid']
            roots.append('image')
        elif destination == 'volume':
            if boot_index == 0:
                roots.append('volume')
            volumes.append(_volume(mapping, boot_index, _new(mapping, source, boot_index) if source != 'volume' else None))
        else:
            if source == 'blank':
                raise _invalid(
                    'swap and ephemeral disks come with the flavor: choose one that has them, or ask for destination_type volume'
                )
            raise _invalid(f'{source} to {destination} is not offered; ask for destination_type volume')
    if len(roots) > 1 or ('volume' in roots and image_id is not None):
        raise _invalid('Boot sequence for the instance and image/block device mapping combination is not valid')
    if not roots and image_id is None:
        raise InvalidInput(
            'Invalid imageRef provided: give the id of an image, or a volume with boot_index 0 to boot from.', field='imageRef'
        )
    named = [volume.volume_id for volume in volumes if volume.volume_id is not None]
    if len(set(named)) != len(named):
        raise _invalid('a volume is named twice')
    return Disks(image_id, _with_devices(volumes, 0 if image_id is None else 1))


def _kinds(mapping: dict[str, Any]) -> tuple[str, str, int | None]:
    source = mapping.get('source_type') or 'blank'
    destination = mapping.get('destination_type') or ('local' if source in ('image', 'blank') else 'volume')
    boot_index = mapping.get('boot_index')
    index = int(boot_index) if boot_index is not None else None
    if source != 'blank' and not mapping.get('uuid'):
        raise _invalid(f'source_type {source} needs a uuid')
    if source == 'volume' and destination != 'volume':
        raise _invalid('a volume stays a volume: destination_type volume')
    return source, destination, None if index is None or index < 0 else index


def _new(mapping: dict[str, Any], source: str, boot_index: int | None) -> NewVolume:
    if source == 'blank' and boot_index == 0:
        raise _invalid('there is nothing to boot from on a blank volume')
    size = int(mapping['volume_size']) if mapping.get('volume_size') else None
    if size is None and source != 'snapshot':
        raise _invalid(f'{source} to volume needs a volume_size in GiB')
    return NewVolume(source, mapping.get('uuid') if source != 'blank' else None, size, mapping.get('volume_type') or None)


def _volume(mapping: dict[str, Any], boot_index: int | None, source: NewVolume | None) -> VolumeDisk:
    delete_too = str(mapping.get('delete_on_termination') or '').lower() in ('true', '1', 'yes', 'on', 't')
    return VolumeDisk(None if source else mapping['uuid'], '', boot_index, delete_too, mapping.get('tag'), source)


def _with_devices(volumes: list[VolumeDisk], first: int) -> tuple[VolumeDisk, ...]:
    """In boot order, each with the device name that it will most likely get."""
    ordered = sorted(volumes, key=lambda volume: (volume.boot_index is None, volume.boot_index or 0))
    if first + len(ordered) > len(_LETTERS):
        raise _invalid(f'a server has at most {len(_LETTERS) - 1} volumes')
    return tuple(dataclasses.replace(volume, device=f'/dev/vd{_LETTERS[first + n]}') for n, volume in enumerate(ordered))


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(f'Block Device Mapping is Invalid: {why}.', field=_FIELD)
