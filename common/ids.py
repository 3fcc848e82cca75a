"""Identifiers: how they are made, and how a string is recognised as one."""

from __future__ import annotations

import re
import uuid

_UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z')
_HEX = re.compile(r'[0-9a-f]{32}\Z')


def new_id() -> str:
    """A random UUID with dashes: servers, ports, volumes, images."""
    return str(uuid.uuid4())


def new_hex_id() -> str:
    """A random UUID as 32 hex digits: users, projects and the rest of identity."""
    return uuid.uuid4().hex


def new_request_id() -> str:
    """`req-` and a UUID, the form clients expect in `x-openstack-request-id`."""
    return f'req-{uuid.uuid4()}'


def is_uuid(text: str) -> bool:
    """Whether the text is a lower-case UUID with dashes."""
    return bool(_UUID.match(text))


def is_hex_id(text: str) -> bool:
    """Whether the text is 32 lower-case hex digits."""
    return bool(_HEX.match(text))
