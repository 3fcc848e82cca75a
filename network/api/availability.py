"""Availability zones, how many addresses are in use, and service providers."""

from __future__ import annotations

from typing import Any

from common.api import GET, READ_ONLY, Bool, Call, Field, Filter, Id, Int, List, Resource, Str, Uuid
from common.api.paging import Page
from common.api.types import Any_
from common.policy import ADMIN, READER, Rule
from network import agents, networks
from network import subnet_ranges as ranges
from network.db import networks as queries
from network.work import Work

_EVERYTHING = Page(None, None, (('id', 'asc'),))


def list_zones(call: Call) -> list[dict[str, Any]]:
    """The zones, for networks and for routers."""
    found = call.service.read(call.ctx, agents.zones)
    states = {True: 'available', False: 'unavailable'}
    every = [{'name': name, 'resource': kind, 'state': states[up]} for name, up in sorted(found.items()) for kind in ('network', 'router')]
    return [zone for zone in every if all(zone[name] in values for name, values in call.filters.items())]


ZONES = Resource(
    'availability_zones',
    'availability_zone',
    rules=[Rule('network:availability_zones:list', READER, 'List availability zones')],
    fields=[Field(name, Str, READ_ONLY) for name in ('name', 'resource', 'state')],
    filters=['name', 'resource', 'state'],
    routes=[GET('/v2.0/availability_zones', list_zones, policy='network:availability_zones:list')],
)


def _availability(work: Work, found: list[Any]) -> list[dict[str, Any]]:
    used = queries.usage_of_addresses(work.session, [network.id for network in found])
    subnets = queries.subnets_of_all(work.session, [network.id for network in found])
    return [_of_network(network, subnets.get(network.id, []), used) for network in found]


def _of_network(network: Any, subnets: list[Any], used: dict[str, int]) -> dict[str, Any]:
    shown = [
        {
            'subnet_id': subnet.id,
            'subnet_name': subnet.name,
            'ip_version': subnet.ip_version,
            'cidr': subnet.cidr,
            'total_ips': ranges.size(subnet.allocation_pools),
            'used_ips': used.get(subnet.id, 0),
        }
        for subnet in subnets
    ]
    return {
        'network_id': network.id,
        'network_name': network.name,
        'project_id': network.project_id,
        'tenant_id': network.project_id,
        'total_ips': sum(subnet['total_ips'] for subnet in shown),
        'used_ips': sum(subnet['used_ips'] for subnet in shown),
        'subnet_ip_availability': shown,
    }


def list_availabilities(call: Call) -> list[dict[str, Any]]:
    """How many addresses of each network are in use."""
    names = {'network_id': 'id', 'network_name': 'name', 'project_id': 'project_id', 'tenant_id': 'project_id'}
    filters = {names[name]: values for name, values in call.filters.items() if name in names}
    versions = call.filters.get('ip_version')

    def read(work: Work) -> list[dict[str, Any]]:
        found = _availability(work, networks.page(work, filters, _EVERYTHING))
        if versions:
            found = [one for one in found if any(subnet['ip_version'] in versions for subnet in one['subnet_ip_availability'])]
        return found

    return call.service.read(call.ctx, read)


def show_availability(call: Call) -> dict[str, Any]:
    """How many addresses of a network are in use."""
    return call.service.read(call.ctx, lambda work: _availability(work, [networks.find(work, call.params['id'])])[0])


AVAILABILITIES = Resource(
    'network_ip_availabilities',
    'network_ip_availability',
    rules=[Rule('network:network_ip_availabilities:list', ADMIN, 'See how many addresses are in use')],
    fields=[
        Field('network_id', Uuid, READ_ONLY),
        Field('network_name', Str, READ_ONLY),
        Field('project_id', Id, READ_ONLY),
        Field('tenant_id', Id, READ_ONLY),
        Field('total_ips', {'type': 'integer'}, READ_ONLY),
        Field('used_ips', {'type': 'integer'}, READ_ONLY),
        Field('subnet_ip_availability', List(Any_), READ_ONLY),
    ],
    filters=['network_id', 'network_name', 'project_id', 'tenant_id', Filter('ip_version', Int(4, 6))],
    routes=[
        GET('/v2.0/network-ip-availabilities', list_availabilities, policy='network:network_ip_availabilities:list'),
        GET('/v2.0/network-ip-availabilities/{id}', show_availability, policy='network:network_ip_availabilities:list'),
    ],
)


def list_providers(call: Call) -> list[dict[str, Any]]:
    """Who provides routers: this service itself."""
    return [{'service_type': 'L3_ROUTER_NAT', 'name': 'pileus', 'default': True}]


PROVIDERS = Resource(
    'service_providers',
    'service_provider',
    rules=[Rule('network:service_providers:list', READER, 'List service providers')],
    fields=[Field('service_type', Str, READ_ONLY), Field('name', Str, READ_ONLY), Field('default', Bool, READ_ONLY)],
    routes=[GET('/v2.0/service-providers', list_providers, policy='network:service_providers:list')],
)
