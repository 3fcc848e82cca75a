"""Regions, services and endpoints, and the catalog that clients get with a token."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from common.db import duplicate_as, one_or_404
from common.db.session import Session
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_hex_id
from identity.db import catalog as rows
from identity.db import endpoint_groups as group_rows
from identity.db.models import Endpoint, Region, Service
from identity.db.retry import retried
from identity.service import IdentityService

_PARAMETER = re.compile(r'\$\((\w+)\)s|%\((\w+)\)s')
_PROJECT = frozenset({'project_id', 'tenant_id'})
_KNOWN = _PROJECT | {'user_id'}


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogUrl:
    """An endpoint of the catalog, its URL cut at the parameters."""

    view: dict[str, Any]
    pieces: tuple[str, ...]
    needs_project: bool

    def for_scope(self, values: Mapping[str, str]) -> dict[str, Any]:
        """The endpoint as the catalog shows it."""
        url = ''.join(values.get(piece, '') if i % 2 else piece for i, piece in enumerate(self.pieces))
        return {**self.view, 'url': url}


def url_parameters(url: str) -> list[str]:
    """The parameters of a URL template. Raises InvalidInput for ones that do not exist."""
    names = [a or b for a, b in _PARAMETER.findall(url)]
    unknown = [name for name in names if name not in _KNOWN]
    rest = _PARAMETER.sub('', url)
    if unknown or '$(' in rest or '%(' in rest:
        shown = f'{unknown[0]} is not a known parameter' if unknown else 'a parameter must look like $(project_id)s'
        raise InvalidInput(f'Malformed endpoint URL: {shown}. Known parameters are {", ".join(sorted(_KNOWN))}.', field='url')
    return names


def _parsed(url: str) -> tuple[str, ...]:
    return tuple(piece for piece in _PARAMETER.split(url) if piece is not None)


def _templates(service: IdentityService) -> list[tuple[dict[str, Any], list[CatalogUrl]]]:
    if service.templated is not None:
        found: Iterable[Any] = service.templated.rows()
    else:
        with service.read() as session:
            found = rows.enabled_endpoints(session)
    services: dict[str, tuple[dict[str, Any], list[CatalogUrl]]] = {}
    for service_id, type_, name, endpoint_id, interface, region, url in found:
        _, endpoints = services.setdefault(service_id, ({'type': type_, 'id': service_id, 'name': name or ''}, []))
        if endpoint_id is not None:
            view = {'id': endpoint_id, 'interface': interface, 'region_id': region, 'region': region}
            needs_project = any((a or b) in _PROJECT for a, b in _PARAMETER.findall(url))
            endpoints.append(CatalogUrl(view, _parsed(url), needs_project))
    return list(services.values())


def catalog(service: IdentityService, user_id: str, project_id: str | None) -> list[dict[str, Any]]:
    """The catalog of a token. Endpoints that need a project are left out where there is none.

    A project that was given endpoints or groups of them (see `identity.endpoint_groups`) has those and no others.
    """
    templates = service.memory.get('catalog', lambda: _templates(service))
    values = {'user_id': user_id}
    if project_id:
        values |= {'project_id': project_id, 'tenant_id': project_id}
        chosen = service.memory.get('catalogs of projects', lambda: _chosen(service)).get(project_id)
        if chosen is not None:
            narrowed = [(view, [url for url in urls if url.view['id'] in chosen]) for view, urls in templates]
            templates = [(view, urls) for view, urls in narrowed if urls]
    return [
        {**view, 'endpoints': [url.for_scope(values) for url in urls if project_id or not url.needs_project]} for view, urls in templates
    ]


def _chosen(service: IdentityService) -> dict[str, frozenset[str]]:
    with service.read() as session:
        return group_rows.narrowed_projects(session)


# Regions


def list_regions(service: IdentityService, wanted: Mapping[str, Any]) -> list[Region]:
    """Regions that fit the filters."""
    with service.read() as session:
        return rows.list_regions(session, wanted)


def get_region(service: IdentityService, region_id: str) -> Region:
    """One region. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, Region, region_id, 'region')


@retried
def create_region(service: IdentityService, values: Mapping[str, Any]) -> Region:
    """Make a region; `id` may be chosen. Raises Conflict, NotFound (the parent)."""
    region = Region(
        id=values.get('id') or new_hex_id(),
        description=values.get('description') or '',
        parent_region_id=values.get('parent_region_id'),
        extra=dict(values.get('extra') or {}),
    )
    with service.write() as session:
        if region.parent_region_id:
            one_or_404(session, Region, region.parent_region_id, 'region')
        with duplicate_as(session, Conflict(f'Conflict occurred attempting to store region - Duplicate ID, {region.id}.')):
            session.add(region)
    return region


@retried
def update_region(service: IdentityService, region_id: str, values: Mapping[str, Any]) -> Region:
    """Change a region. Raises NotFound, InvalidInput for a parent that is below it."""
    with service.write() as session:
        region = one_or_404(session, Region, region_id, 'region')
        parent_id = values.get('parent_region_id')
        while parent_id is not None:
            if parent_id == region_id:
                raise InvalidInput('A region cannot be below itself.', field='parent_region_id')
            parent_id = one_or_404(session, Region, parent_id, 'region').parent_region_id
        _set(region, values)
    return region


@retried
def delete_region(service: IdentityService, region_id: str) -> None:
    """Remove a region. Raises NotFound, Forbidden while child regions or endpoints are in it."""
    with service.write() as session:
        region = one_or_404(session, Region, region_id, 'region')
        if rows.region_in_use(session, region_id):
            raise Forbidden(f'Unable to delete region {region_id} because it or its child regions have associated endpoints.')
        session.delete(region)


# Services


def list_services(service: IdentityService, wanted: Mapping[str, Any]) -> list[Service]:
    """Services that fit the filters."""
    with service.read() as session:
        return rows.list_services(session, wanted)


def get_service(service: IdentityService, service_id: str) -> Service:
    """One service. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, Service, service_id, 'service')


@retried
def create_service(service: IdentityService, values: Mapping[str, Any]) -> Service:
    """Make a service."""
    record = Service(
        id=new_hex_id(),
        type=values['type'],
        name=values.get('name', ''),
        description=values.get('description'),
        enabled=values.get('enabled', True),
        extra=dict(values.get('extra') or {}),
    )
    with service.write() as session:
        session.add(record)
    return record


@retried
def update_service(service: IdentityService, service_id: str, values: Mapping[str, Any]) -> Service:
    """Change a service. Raises NotFound."""
    with service.write() as session:
        record = one_or_404(session, Service, service_id, 'service')
        _set(record, values)
    return record


@retried
def delete_service(service: IdentityService, service_id: str) -> None:
    """Remove a service and its endpoints. Raises NotFound."""
    with service.write() as session:
        one_or_404(session, Service, service_id, 'service')
        rows.delete_service(session, service_id)


# Endpoints


def list_endpoints(service: IdentityService, wanted: Mapping[str, Any]) -> list[Endpoint]:
    """Endpoints that fit the filters."""
    with service.read() as session:
        return rows.list_endpoints(session, wanted)


def get_endpoint(service: IdentityService, endpoint_id: str) -> Endpoint:
    """One endpoint. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, Endpoint, endpoint_id, 'endpoint')


@retried
def create_endpoint(service: IdentityService, values: Mapping[str, Any]) -> Endpoint:
    """Make an endpoint; a region that does not exist yet is made too, as upstream does. Raises InvalidInput."""
    url_parameters(values['url'])
    record = Endpoint(
        id=new_hex_id(),
        service_id=values['service_id'],
        interface=values['interface'],
        region_id=values.get('region_id'),
        url=values['url'],
        enabled=values.get('enabled', True),
        extra=dict(values.get('extra') or {}),
    )
    with service.write() as session:
        _check_references(session, record.service_id, record.region_id)
        session.add(record)
    return record


@retried
def update_endpoint(service: IdentityService, endpoint_id: str, values: Mapping[str, Any]) -> Endpoint:
    """Change an endpoint. Raises NotFound, InvalidInput."""
    if 'url' in values:
        url_parameters(values['url'])
    with service.write() as session:
        record = one_or_404(session, Endpoint, endpoint_id, 'endpoint')
        _check_references(session, values.get('service_id', record.service_id), values.get('region_id'))
        _set(record, values)
    return record


@retried
def delete_endpoint(service: IdentityService, endpoint_id: str) -> None:
    """Remove an endpoint. Raises NotFound."""
    with service.write() as session:
        session.delete(one_or_404(session, Endpoint, endpoint_id, 'endpoint'))


def _check_references(session: Session, service_id: str, region_id: str | None) -> None:
    try:
        one_or_404(session, Service, service_id, 'service')
    except NotFound as error:
        raise InvalidInput(error.message, field='service_id') from error
    if region_id:
        rows.ensure_region(session, region_id)


def _set(record: Any, values: Mapping[str, Any]) -> None:
    """Change the columns given; `extra` is merged, and a key whose value is null goes."""
    for name, value in values.items():
        if name == 'extra':
            value = {k: v for k, v in {**(record.extra or {}), **value}.items() if v is not None}
        setattr(record, name, value)
