"""Images as clients of version 1 see them: states, visibility and properties in the words of that time."""

from __future__ import annotations

from typing import Any

from image.api.v1 import headers
from image.db.imports import FAILED
from image.records import IMPORTING, QUEUED, RESERVED_PREFIX, SAVING, UPLOADING, ImageRecord

# What this API calls `saving`; and an image whose import failed, which waits for another try, is `killed` to clients that poll.
UNDER_WAY = (SAVING, UPLOADING, IMPORTING)


def status(record: ImageRecord) -> str:
    """The state of an image: queued, saving, active, killed, deactivated."""
    if record.status in UNDER_WAY:
        return SAVING
    if record.status == QUEUED and record.properties.get(FAILED):
        return 'killed'
    return record.status


def view(record: ImageRecord) -> dict[str, Any]:
    """An image in full."""
    return {
        'id': record.id,
        'name': record.name,
        'status': status(record),
        'disk_format': record.disk_format,
        'container_format': record.container_format,
        'size': record.size or 0,
        'virtual_size': record.virtual_size,
        'checksum': record.checksum,
        'is_public': record.visibility == 'public',
        'protected': record.protected,
        'owner': record.owner,
        'min_disk': record.min_disk,
        'min_ram': record.min_ram,
        'created_at': headers.time(record.created_at),
        'updated_at': headers.time(record.updated_at),
        'deleted': False,
        'deleted_at': None,
        'properties': {name: value for name, value in record.properties.items() if not name.startswith(RESERVED_PREFIX)},
    }


def brief(record: ImageRecord) -> dict[str, Any]:
    """An image in a short list."""
    whole = view(record)
    return {name: whole[name] for name in ('id', 'name', 'disk_format', 'container_format', 'size', 'checksum')}
