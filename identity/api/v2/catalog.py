"""The catalog in the form of version 2.0: the interfaces of a service in a region are one endpoint with three URLs."""

from __future__ import annotations

import itertools
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from identity import catalog
from identity.service import IdentityService

T = TypeVar('T')


def grouped(endpoints: Iterable[tuple[str | None, str, T]]) -> list[tuple[str | None, dict[str, T]]]:
    """(region, interface, anything) -> (region, interface -> that): one for each region, further ones where there are several alike."""
    regions: dict[str | None, dict[str, list[T]]] = {}
    for region, interface, value in endpoints:
        regions.setdefault(region, {}).setdefault(interface, []).append(value)
    found = []
    for region, interfaces in regions.items():
        for values in itertools.zip_longest(*interfaces.values()):
            found.append((region, {name: value for name, value in zip(interfaces, values, strict=True) if value is not None}))
    return found


def first_id(interfaces: Mapping[str, Any], id_of: Any) -> str:
    """The id of an endpoint of version 2.0: that of its public interface, where it has one."""
    return str(id_of(interfaces.get('public') or next(iter(interfaces.values()))))


def _moved(service: IdentityService, type_: str, interface: str, url: str) -> str:
    """Where identity itself is, for clients of version 2.0; other URLs are as they are."""
    if type_ != 'identity':
        return url
    parts = urllib.parse.urlsplit(url)
    path = parts.path.rstrip('/')
    path = f'{path.removesuffix("/v3")}/v2.0' if path.endswith('/v3') or not path else path
    netloc = parts.netloc
    if interface == 'admin' and service.options.admin_port and parts.hostname:
        host = f'[{parts.hostname}]' if ':' in parts.hostname else parts.hostname
        netloc = f'{host}:{service.options.admin_port}'
    return urllib.parse.urlunsplit(parts._replace(netloc=netloc, path=path))


def _endpoints(service: IdentityService, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    shown = []
    for region, interfaces in grouped((each['region_id'], each['interface'], each) for each in one['endpoints']):
        urls = {f'{name}URL': _moved(service, one['type'], name, each['url']) for name, each in interfaces.items()}
        shown.append({'id': first_id(interfaces, lambda each: each['id']), 'region': region, **urls})
    return shown


def service_catalog(service: IdentityService, user_id: str, project_id: str) -> list[dict[str, Any]]:
    """`serviceCatalog` of a token."""
    found = []
    for one in catalog.catalog(service, user_id, project_id):
        endpoints = _endpoints(service, one)
        if endpoints:
            found.append({'type': one['type'], 'name': one['name'], 'endpoints': endpoints, 'endpoints_links': []})
    return found
