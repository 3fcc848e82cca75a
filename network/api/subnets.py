"""Subnets over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.api import (
    CREATE_ONLY,
    DELETE,
    GET,
    POST,
    PUT,
    REQUIRED,
    WRITE_ONLY,
    Bool,
    Cidr,
    Enum,
    Field,
    Filter,
    Int,
    Ip,
    List,
    Obj,
    Resource,
    Str,
    Uuid,
)
from common.policy import ADMIN, MEMBER, READER, Rule
from network import subnets
from network.api.crud import Crud
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, standard, tags_of
from network.work import Work

RULES = [
    Rule('network:subnets:list', READER, 'List subnets'),
    Rule(subnets.SHOW, READER, 'Show a subnet'),
    Rule('network:subnets:create', MEMBER, 'Create a subnet'),
    Rule(subnets.UPDATE, MEMBER, 'Change a subnet'),
    Rule(subnets.DELETE, MEMBER, 'Delete a subnet'),
    Rule('network:subnets:set_service_types', ADMIN, 'Say which ports a subnet is for'),
]
_MODES = Enum('slaac', 'dhcpv6-stateful', 'dhcpv6-stateless') | None
_POOL = Obj({'start': Ip, 'end': Ip}, required=['start', 'end'])
_ROUTE = Obj({'destination': Cidr(loose=True), 'nexthop': Ip}, required=['destination', 'nexthop'])


def views(work: Work, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Subnets as clients see them."""
    return [_view(row) for row in found]


def _view(row: Any) -> dict[str, Any]:
    return {
        **standard(row),
        'name': row.name,
        'tags': tags_of(row),
        'network_id': row.network_id,
        'ip_version': row.ip_version,
        'cidr': row.cidr,
        'gateway_ip': row.gateway_ip,
        'enable_dhcp': row.enable_dhcp,
        'ipv6_ra_mode': row.ipv6_ra_mode,
        'ipv6_address_mode': row.ipv6_address_mode,
        'dns_nameservers': row.dns_nameservers or [],
        'host_routes': [{'destination': destination, 'nexthop': next_hop} for destination, next_hop in row.host_routes or ()],
        'allocation_pools': [{'start': start, 'end': end} for start, end in row.allocation_pools],
        'service_types': row.service_types or [],
        'subnetpool_id': row.subnetpool_id,
    }


CRUD = Crud(subnets, views)

SUBNETS = Resource(
    'subnets',
    'subnet',
    rules=RULES,
    fields=[
        *STANDARD,
        NAME,
        TAGS,
        Field('network_id', Uuid, CREATE_ONLY, REQUIRED),
        Field('ip_version', Int(4, 6), CREATE_ONLY),
        Field('cidr', Cidr(loose=True) | None, CREATE_ONLY),
        Field('prefixlen', Int(0, 128) | None, CREATE_ONLY, WRITE_ONLY),
        Field('use_default_subnetpool', Bool, CREATE_ONLY, WRITE_ONLY),
        Field('gateway_ip', Ip | None),
        Field('enable_dhcp', Bool, default=True),
        Field('ipv6_ra_mode', _MODES, CREATE_ONLY),
        Field('ipv6_address_mode', _MODES, CREATE_ONLY),
        Field('dns_nameservers', List(Ip, max=100) | None),
        Field('host_routes', List(_ROUTE, max=100) | None),
        Field('allocation_pools', List(_POOL, max=100) | None),
        Field('service_types', List(Str(255), max=20), write_policy='network:subnets:set_service_types', default=[]),
        Field('subnetpool_id', Uuid | None, CREATE_ONLY),
    ],
    filters=[
        *STANDARD_FILTERS, *TAG_FILTERS, 'name', 'network_id', Filter('ip_version', Int), 'cidr', 'gateway_ip', 'enable_dhcp', 'ipv6_ra_mode', 'ipv6_address_mode',
        'subnetpool_id', Filter('shared', Bool), Filter('router:external', Bool),
    ],
    sort=[*STANDARD_SORT, 'name', 'network_id', 'ip_version', 'cidr', 'gateway_ip', 'enable_dhcp'],
    routes=[
        GET('/v2.0/subnets', CRUD.list, policy='network:subnets:list'),
        POST('/v2.0/subnets', CRUD.create, policy='network:subnets:create', bulk=True, ok=201),
        GET('/v2.0/subnets/{id}', CRUD.show, policy='network:subnets:list'),
        PUT('/v2.0/subnets/{id}', CRUD.update, policy=subnets.UPDATE),
        DELETE('/v2.0/subnets/{id}', CRUD.delete, policy=subnets.DELETE),
    ],
)  # fmt: skip
