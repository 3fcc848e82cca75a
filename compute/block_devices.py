"""What a server boots from and which volumes it starts with: `block_device_mapping_v2` of a request, understood."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from common.errors import InvalidInput

_FIELD = 'block_device_mapping_v2'
_LETTERS = 'abcdefghijklmnopqrstuvwxyz'


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeDisk:
    """A volume that a server starts with. `boot_index` 0: it boots from it; None: it does not."""

    volume_id: str
    device: str
    boot_index: int | None = None
    delete_on_termination: bool = False
    tag: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Disks:
    """`image_id` None: the first volume is the root disk."""

    image_id: str | None
    volumes: tuple[VolumeDisk, ...] = ()


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
        elif source == 'volume':
            if boot_index == 0:
                roots.append('volume')
            volumes.append(_volume(mapping, boot_index))
        else:
            raise _invalid(f'{source} to {destination} is not offered; make a volume and give it with source_type volume')
    if len(roots) > 1 or ('volume' in roots and image_id is not None):
        raise _invalid('Boot sequence for the instance and image/block device mapping combination is not valid')
    if not roots and image_id is None:
        raise InvalidInput(
            'Invalid imageRef provided: give the id of an image, or a volume with boot_index 0 to boot from.', field='imageRef'
        )
    if len({volume.volume_id for volume in volumes}) != len(volumes):
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


def _volume(mapping: dict[str, Any], boot_index: int | None) -> VolumeDisk:
    delete_too = str(mapping.get('delete_on_termination') or '').lower() in ('true', '1', 'yes', 'on', 't')
    return VolumeDisk(mapping['uuid'], '', boot_index, delete_too, mapping.get('tag'))


def _with_devices(volumes: list[VolumeDisk], first: int) -> tuple[VolumeDisk, ...]:
    """In boot order, each with the device name that it will most likely get."""
    ordered = sorted(volumes, key=lambda volume: (volume.boot_index is None, volume.boot_index or 0))
    if first + len(ordered) > len(_LETTERS):
        raise _invalid(f'a server has at most {len(_LETTERS) - 1} volumes')
    return tuple(dataclasses.replace(volume, device=f'/dev/vd{_LETTERS[first + n]}') for n, volume in enumerate(ordered))


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(f'Block Device Mapping is Invalid: {why}.', field=_FIELD)
