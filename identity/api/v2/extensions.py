"""Which extensions of version 2.0 there are, and its version document."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import GET, Resource
from common.errors import NotFound

_EXTENSIONS = {
    'OS-EC2': 'Users have access keys for the EC2 API.',
    'OS-KSADM': 'Users, tenants, roles and services are managed.',
    'OS-KSCRUD': 'Users change their own password.',
}


def _extension(alias: str) -> dict[str, Any]:
    return {
        'alias': alias,
        'name': alias,
        'namespace': f'https://docs.openstack.org/identity/api/ext/{alias}/v1.0',
        'updated': '2013-07-11T17:14:00-00:00',
        'description': _EXTENSIONS[alias],
        'links': [],
    }


def version_view(call: Call) -> dict[str, Any]:
    """Version 2.0 in the documents about versions."""
    return {
        'id': 'v2.0',
        'status': 'deprecated',
        'updated': '2016-08-04T00:00:00Z',
        'links': [{'rel': 'self', 'href': call.url('/v2.0/')}],
        'media-types': [{'base': 'application/json', 'type': 'application/vnd.openstack.identity-v2.0+json'}],
    }


def show_version(call: Call) -> Reply:
    """Version 2.0."""
    return Reply({'version': version_view(call)}, wrap=False)


def list_extensions(call: Call) -> Reply:
    """All extensions."""
    return Reply({'extensions': {'values': [_extension(alias) for alias in _EXTENSIONS]}}, wrap=False)


def show_extension(call: Call) -> Reply:
    """One extension."""
    if call.params['alias'] not in _EXTENSIONS:
        raise NotFound('extension', call.params['alias'])
    return Reply({'extension': _extension(call.params['alias'])}, wrap=False)


EXTENSIONS_V2 = Resource(
    'extensions',
    routes=[
        GET('/v2.0', show_version, open=True, wrap=False, listing=False, summary='Show version 2.0'),
        GET('/v2.0/extensions', list_extensions, open=True, wrap=False, listing=False),
        GET('/v2.0/extensions/{alias}', show_extension, open=True, wrap=False),
    ],
)
