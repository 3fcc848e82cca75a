"""Floating IPs over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.api import CREATE_ONLY, DELETE, GET, POST, PUT, READ_ONLY, REQUIRED, Enum, Field, Filter, Ip, Map, Resource, Uuid
from common.api.types import Any_
from common.policy import ADMIN, MEMBER, READER, Rule
from network import floating_ips
from network.api.crud import Crud
from network.api.standard import STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, standard, tags_of
from network.work import Work

RULES = [
    Rule('network:floatingips:list', READER, 'List floating IPs'),
    Rule(floating_ips.SHOW, READER, 'Show a floating IP'),
    Rule('network:floatingips:create', MEMBER, 'Create a floating IP'),
    Rule(floating_ips.UPDATE, MEMBER, 'Lead a floating IP elsewhere'),
    Rule(floating_ips.DELETE, MEMBER, 'Delete a floating IP'),
    Rule('network:floatingips:set_address', ADMIN, 'Choose the address of a floating IP'),
    Rule('network:floatingips:any_port', ADMIN, "Lead a floating IP to another project's port"),
]


def views(work: Work, found: Sequence[floating_ips.FloatingIp]) -> list[dict[str, Any]]:
    """Floating IPs as clients see them."""
    return [_view(floating.row, floating.port) for floating in found]


def _view(row: Any, port: Any | None) -> dict[str, Any]:
    return {
        **standard(row),
        'floating_ip_address': row.floating_ip_address,
        'floating_network_id': row.floating_network_id,
        'fixed_ip_address': row.fixed_ip_address,
        'port_id': row.port_id,
        'router_id': row.router_id,
        'status': row.status,
        'port_details': _details(port),
        'tags': tags_of(row),
    }


def _details(port: Any | None) -> dict[str, Any] | None:
    if port is None:
        return None
    names = ('name', 'network_id', 'mac_address', 'admin_state_up', 'status', 'device_id', 'device_owner')
    return {name: getattr(port, name) for name in names}


CRUD = Crud(floating_ips, views)

FLOATING_IPS = Resource(
    'floatingips',
    'floatingip',
    noun='floating ip',
    rules=RULES,
    fields=[
        *STANDARD,
        TAGS,
        Field('floating_network_id', Uuid, CREATE_ONLY, REQUIRED),
        Field('floating_ip_address', Ip(4) | None, CREATE_ONLY, write_policy='network:floatingips:set_address', default=None),
        Field('subnet_id', Uuid | None, CREATE_ONLY),
        Field('port_id', Uuid | None),
        Field('fixed_ip_address', Ip(4) | None),
        Field('router_id', Uuid | None, READ_ONLY),
        Field('status', Enum('ACTIVE', 'DOWN', 'ERROR'), READ_ONLY),
        Field('port_details', Map(Any_) | None, READ_ONLY),
    ],
    filters=[
        *STANDARD_FILTERS, *TAG_FILTERS, 'floating_network_id', 'floating_ip_address', 'port_id', 'fixed_ip_address',
        Filter('router_id', Uuid | None), 'status',
    ],
    sort=[*STANDARD_SORT, 'floating_ip_address', 'fixed_ip_address', 'status', 'router_id', 'port_id'],
    routes=[
        GET('/v2.0/floatingips', CRUD.list, policy='network:floatingips:list'),
        POST('/v2.0/floatingips', CRUD.create, policy='network:floatingips:create', bulk=True, ok=201),
        GET('/v2.0/floatingips/{id}', CRUD.show, policy='network:floatingips:list'),
        PUT('/v2.0/floatingips/{id}', CRUD.update, policy=floating_ips.UPDATE),
        DELETE('/v2.0/floatingips/{id}', CRUD.delete, policy=floating_ips.DELETE),
    ],
)  # fmt: skip
