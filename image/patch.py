"""JSON patch of images: RFC 6902 documents limited to add, replace and remove, and the older 2.0 form of them.

The 2.0 form names the operation by key: `{"replace": "/name", "value": "x"}`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput
from image import images, location_patch, locations, quotas
from image.db import images as image_queries
from image.location_patch import LocationChanges
from image.records import BASE, CONTAINER_FORMATS, DISK_FORMATS, QUEUED, READ_ONLY, RESERVED_PREFIX, VISIBILITIES, ImageRecord

if TYPE_CHECKING:
    from common.db.session import Session
    from image.service import ImageService

OPERATIONS = ('add', 'replace', 'remove')
_NULLABLE_TEXT = ('name', 'disk_format', 'container_format')


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One step of a patch: `path` has one or two unescaped parts."""

    operation: str
    path: tuple[str, ...]
    value: Any


def parse(document: list[dict[str, Any]]) -> list[Change]:
    """Read a patch of either form. Raises InvalidInput."""
    changes = []
    for entry in document:
        operation = entry.get('op')
        pointer = entry.get('path')
        if operation is None:
            named = [name for name in OPERATIONS if name in entry]
            if len(named) != 1:
                raise InvalidInput('Operations must contain only one member, "add", "replace" or "remove".', field='op')
            operation, pointer = named[0], entry[named[0]]
        if operation not in OPERATIONS:
            raise InvalidInput(f'The operation {str(operation)[:32]!r} is not one of: add, replace, remove.', field='op')
        if not isinstance(pointer, str) or not pointer.startswith('/'):
            raise InvalidInput('A path starts with "/" and names an attribute.', field='path')
        parts = tuple(part.replace('~1', '/').replace('~0', '~') for part in pointer[1:].split('/'))
        if len(parts) > 2 or not parts[0] or '//' in pointer or pointer.endswith('/'):
            raise InvalidInput(f'The path {pointer[:64]!r} does not name an attribute of an image.', field='path')
        if operation != 'remove' and 'value' not in entry:
            raise InvalidInput(f'Operation "{operation}" requires a member named "value".', field='value')
        changes.append(Change(operation, parts, entry.get('value')))
    return changes


def apply(service: ImageService, ctx: Context, image_id: str, changes: list[Change]) -> ImageRecord:
    """Change the image, all or nothing. Raises NotFound, Forbidden, InvalidInput, Conflict, TooLarge, OverQuota."""
    places = LocationChanges.prepare(service, ctx, image_id, changes)
    wanted = quotas.IMPORT if places.looked_at else {}
    record = quotas.enforced(service, places.owner, wanted, lambda session: _apply_all(service, session, ctx, image_id, changes, places))
    locations.purge(service, places.removed)
    return record


def _apply_all(
    service: ImageService, session: Session, ctx: Context, image_id: str, changes: list[Change], places: LocationChanges
) -> ImageRecord:
    record = images.find_own(service, ctx, image_id, 'image:images:update', session)
    before = dataclasses.replace(record)
    for change in changes:
        if change.path[0] == location_patch.NAME:
            places.apply(session, record, change)
        else:
            _apply_one(ctx, record, change)
    if record.visibility != before.visibility:
        images._check_visibility(service, ctx, record)
    images.check_amounts(service, record)
    image_queries.save_image(session, record, now())
    return record


def _apply_one(ctx: Context, record: ImageRecord, change: Change) -> None:
    name = change.path[0]
    if name in READ_ONLY or name == 'id':
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"Attribute '{name}' is reserved.")
    if name == 'tags':
        _change_tags(record, change)
    elif len(change.path) > 1:
        raise InvalidInput(f"Attribute '{name}' has no parts.", field=name)
    elif name in BASE:
        _change_base(ctx, record, name, change)
    else:
        _change_property(record, name, change)


def _change_tags(record: ImageRecord, change: Change) -> None:
    if change.operation == 'remove' or len(change.path) > 1:
        raise Forbidden('Replace /tags as a whole, or use the tags resource for one tag.')
    value = change.value
    if not isinstance(value, list) or not all(isinstance(tag, str) and len(tag) <= 255 for tag in value):
        raise InvalidInput('tags is a list of texts of up to 255 characters.', field='tags')
    record.tags = sorted(set(value))


def _change_property(record: ImageRecord, name: str, change: Change) -> None:
    images._check_property_name(name)
    exists = name in record.properties
    if change.operation != 'add' and not exists:
        raise Conflict(f'Property {name} does not exist.', code='no_such_property')
    if change.operation == 'remove':
        del record.properties[name]
        return
    if not isinstance(change.value, str):
        raise InvalidInput(f'The value of property {name!r} is a text.', field=name)
    record.properties[name] = change.value


def _change_base(ctx: Context, record: ImageRecord, name: str, change: Change) -> None:
    if change.operation == 'remove':
        raise Forbidden(f"Property '{name}' may not be removed.")
    value = change.value
    if name in ('disk_format', 'container_format') and record.status != QUEUED:
        raise Forbidden(f"Attribute '{name}' can only be replaced for a queued image.")
    if name == 'owner' and not ctx.is_admin:
        raise Forbidden('Only an administrator may give an image to another project.')
    problem = _problem(name, value)
    if problem:
        raise InvalidInput(f"Invalid value for attribute '{name}': {problem}.", field=name)
    setattr(record, name, value)


def _problem(name: str, value: Any) -> str | None:
    """What is wrong with a value for a base attribute, or None."""
    choices = {'visibility': VISIBILITIES, 'disk_format': DISK_FORMATS, 'container_format': CONTAINER_FORMATS}.get(name)
    if value is None:
        return None if name in _NULLABLE_TEXT else 'it may not be null'
    if choices is not None:
        return None if value in choices else f'it is one of {", ".join(choices)}'
    if name in ('min_disk', 'min_ram'):
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
        return None if fits else 'it is a whole number from 0 to 2147483647'
    if name in ('protected', 'os_hidden'):
        return None if isinstance(value, bool) else 'it is true or false'
    return None if isinstance(value, str) and len(value) <= 255 else 'it is a text of up to 255 characters'
