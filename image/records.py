"""Image records as plain values, and the words the service uses for their states."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

DISK_FORMATS = ('ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'ploop', 'iso', 'gpt')
CONTAINER_FORMATS = ('ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed')
VISIBILITIES = ('public', 'community', 'shared', 'private')
MEMBER_STATUSES = ('pending', 'accepted', 'rejected')

QUEUED, SAVING, ACTIVE, DEACTIVATED = 'queued', 'saving', 'active', 'deactivated'
UPLOADING, IMPORTING = 'uploading', 'importing'
TASK_STATUSES = ('pending', 'processing', 'success', 'failure')
TASK_TYPES = ('import', 'api_image_import', 'location_import')

# Attributes that a client never sets.
READ_ONLY = frozenset(
    {
        'status', 'size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value', 'created_at', 'updated_at',
        'self', 'file', 'schema', 'direct_url', 'locations', 'stores',
    }
)  # fmt: skip
# Attributes that are columns; all else in a body is a custom property.
BASE = frozenset(
    {'id', 'name', 'visibility', 'owner', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'protected', 'os_hidden', 'tags'}
)
# Custom properties that only the service itself may write.
RESERVED_PREFIX = 'os_glance_'


@dataclasses.dataclass(slots=True)
class LocationRecord:
    """A place that holds the data of an image. `url` is empty where the store finds the data by the image's id alone.

    `status`: writing, unverified, active, pending_delete. `is_own`: the store holds the data itself, so it goes when the image does.
    """

    id: int
    image_id: str
    store: str
    url: str
    metadata: dict[str, Any]
    status: str
    is_own: bool
    upload_id: str | None = None


@dataclasses.dataclass(slots=True)
class ImageRecord:
    """An image. Sizes in bytes, `min_disk` in GiB, `min_ram` in MiB, times in UTC."""

    id: str
    name: str | None
    status: str
    visibility: str
    owner: str | None
    container_format: str | None
    disk_format: str | None
    min_disk: int
    min_ram: int
    protected: bool
    os_hidden: bool
    size: int | None
    virtual_size: int | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    upload_id: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    # Those that can be read, and those that a client says can be; in the order that clients gave them.
    locations: list[LocationRecord] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class MemberRecord:
    """A project that a shared image is offered to."""

    image_id: str
    member: str
    status: str
    created_at: datetime.datetime
    updated_at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFilter:
    """What a list is narrowed to. `columns` are exact matches, each a list of accepted values."""

    columns: dict[str, list[object]] = dataclasses.field(default_factory=dict)
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    visibility: str | None = None
    member_status: str = 'accepted'
    os_hidden: bool = False
    size_min: int | None = None
    size_max: int | None = None
    times: tuple[tuple[str, str, datetime.datetime], ...] = ()


@dataclasses.dataclass(slots=True)
class TaskRecord:
    """A task as clients see it. `input` is what was asked for, `result` what came of it, `message` why it failed."""

    id: str
    type: str
    status: str
    owner: str | None
    image_id: str | None
    request_id: str | None
    user_id: str | None
    input: dict[str, Any] | None
    result: dict[str, Any] | None
    message: str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    expires_at: datetime.datetime | None = None
