"""What an image says of itself, told apart from the properties that users and guests' makers give it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ATTRIBUTES = frozenset({
    'id', 'name', 'owner', 'status', 'visibility', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'size', 'virtual_size', 'checksum',
    'protected', 'os_hidden', 'os_hash_algo', 'os_hash_value', 'tags', 'self', 'file', 'schema', 'locations', 'direct_url', 'stores', 'created_at',
    'updated_at',
})  # fmt: skip
"""No key of an image's metadata."""
_OF_THE_SERVICE = 'os_glance_'
# A signature is about the data of one image, not of one that is made from it.
_OF_THE_DATA = 'img_signature'
_LONGEST_INHERITED = 255


def metadata_of(image: Mapping[str, Any]) -> dict[str, str]:
    """The properties of an image as the image service shows it."""
    return {
        name: value
        for name, value in image.items()
        if isinstance(value, str) and name not in ATTRIBUTES and not name.startswith(_OF_THE_SERVICE)
    }


def inherited(image: Mapping[str, Any]) -> dict[str, str]:
    """Those that an image made of a server of this image has as well; long ones are not worth a place in each server's row."""
    found = metadata_of(image)
    return {name: value for name, value in found.items() if not name.startswith(_OF_THE_DATA) and len(value) <= _LONGEST_INHERITED}
