"""The OpenStack form: JSON documents below /openstack/VERSION/."""

from __future__ import annotations

import os
from typing import Any

from common import instance_metadata
from common.instance_metadata import Description, dumps

JSON = 'application/json'
TEXT = 'text/plain; charset=UTF-8'
BINARY = 'application/octet-stream'

# Document -> the version that brought it.
DOCUMENTS = {
    'meta_data.json': '2012-08-10',
    'user_data': '2012-08-10',
    'vendor_data.json': '2013-10-17',
    'network_data.json': '2015-10-15',
    'vendor_data2.json': '2016-10-06',
}
RANDOM_SEED_SINCE = '2013-04-04'


def versions_listing() -> str:
    """What `GET /openstack` answers."""
    return '\n'.join([*instance_metadata.OPENSTACK_VERSIONS, 'latest'])


def is_version(name: str) -> bool:
    """Whether a path has this form's version."""
    return name == 'latest' or name in instance_metadata.OPENSTACK_VERSIONS


def find(server: Description, version: str, parts: list[str], vendor_data: dict[str, Any]) -> tuple[bytes, str] | None:
    """Content and content type for a path below the version, or None if there is no such document."""
    number = instance_metadata.OPENSTACK_VERSIONS[-1] if version == 'latest' else version
    names = [name for name, since in DOCUMENTS.items() if since <= number]
    data = instance_metadata.user_data(server)
    if data is None:
        names.remove('user_data')
    if not parts:
        return '\n'.join(names).encode(), TEXT
    if len(parts) != 1 or parts[0] not in names:
        return None
    return _document(parts[0], server, number, data, vendor_data)


def _document(name: str, server: Description, number: str, data: bytes | None, vendor_data: dict[str, Any]) -> tuple[bytes, str]:
    match name:
        case 'meta_data.json':
            seed = os.urandom(512) if number >= RANDOM_SEED_SINCE else None
            return dumps(instance_metadata.meta_data(server, seed)), JSON
        case 'user_data':
            return data or b'', BINARY
        case 'network_data.json':
            return dumps(instance_metadata.network_data(server)), JSON
        case 'vendor_data.json':
            return dumps(server.get('vendor_data') or vendor_data), JSON
        case _:
            return dumps({}), JSON
