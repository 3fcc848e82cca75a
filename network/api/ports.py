"""Ports over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import clock
from common.api import (  # fmt: skip
    CREATE_ONLY,
    DELETE,
    GET,
    POST,
    PUT,
    READ_ONLY,
    REQUIRED,
    SOMETIMES,
    Bool,
    Cidr,
    Enum,
    Field,
    Filter,
    Int,
    Ip,
    List,
    Mac,
    Obj,
    OneOf,
    Resource,
    Str,
    Uuid,
)
from common.policy import ADMIN, MEMBER, READER, Rule
from network import bindings, ports
from network.api.crud import Crud
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, tags_of
from network.work import Work

SEE_BINDING = 'network:ports:see_binding'
BIND = 'network:ports:bind'
RULES = [
    Rule('network:ports:list', READER, 'List ports'),
    Rule('network:ports:show', READER, 'Show a port'),
    Rule('network:ports:create', MEMBER, 'Create a port'),
    Rule('network:ports:update', MEMBER, 'Change a port'),
    Rule('network:ports:delete', MEMBER, 'Delete a port'),
    Rule(ports.AS_NETWORK_OWNER, MEMBER, 'Choose addresses, and turn filters off, for ports on a network'),
    Rule(BIND, ADMIN, 'Say on which host a port is'),
    Rule(SEE_BINDING, ADMIN, 'See on which host a port is'),
]
_PORT_FILTER = {'port_filter': True, 'connectivity': 'l2'}


def views(work: Work, found: Sequence[ports.Port]) -> list[dict[str, Any]]:
    """Ports as clients see them."""
    full = work.allowed(SEE_BINDING)
    return [_view(port, full) for port in found]


def _view(port: ports.Port, full: bool) -> dict[str, Any]:
    """`full`: with where the port is bound."""
    row = port.row
    shown = {
        'id': row.id,
        'name': row.name,
        'description': row.description,
        'project_id': row.project_id,
        'tenant_id': row.project_id,
        'tags': tags_of(row),
        'revision_number': row.revision_number,
        'created_at': clock.iso(row.created_at),
        'updated_at': clock.iso(row.updated_at),
        'network_id': row.network_id,
        'mac_address': row.mac_address,
        'admin_state_up': row.admin_state_up,
        'status': row.status,
        'device_id': row.device_id,
        'device_owner': row.device_owner,
        'fixed_ips': [{'subnet_id': subnet_id, 'ip_address': address} for subnet_id, address in port.addresses],
        'allowed_address_pairs': bindings.pairs_of(row),
        'extra_dhcp_opts': [
            {'opt_name': name, 'opt_value': value, 'ip_version': version} for name, value, version in row.extra_dhcp_opts or ()
        ],
        'security_groups': list(port.groups),
        'port_security_enabled': row.port_security_enabled,
        'binding:vnic_type': row.vnic_type,
    }
    if full:
        shown['binding:host_id'] = row.host
        shown['binding:profile'] = row.profile or {}
        shown['binding:vif_type'] = bindings.vif_type(row)
        shown['binding:vif_details'] = _PORT_FILTER if row.host else {}
    return shown


CRUD = Crud(ports, views)
_FIXED_IP = Obj({'ip_address': Ip, 'subnet_id': Uuid})
_PAIR = Obj({'ip_address': OneOf(Ip, Cidr(loose=True)), 'mac_address': Mac}, required=['ip_address'])
_OPTION = Obj(
    {'opt_name': Str(64, min=1, pattern='^[A-Za-z0-9:_-]+$'), 'opt_value': Str(255, min=1) | None, 'ip_version': Int(min=4, max=6)},
    required=['opt_name'],
)
_PROFILE = {'type': ['object', 'null'], 'x-says': 'an object'}
PORTS = Resource(
    'ports',
    'port',
    rules=RULES,
    fields=[
        *STANDARD,
        NAME,
        TAGS,
        Field('network_id', Uuid, REQUIRED, CREATE_ONLY),
        Field('mac_address', Mac | None),
        Field('admin_state_up', Bool),
        Field('device_id', Str(255)),
        Field('device_owner', Str(255)),
        Field('fixed_ips', List(_FIXED_IP, max=100) | None),
        Field('allowed_address_pairs', List(_PAIR, max=100) | None),
        Field('extra_dhcp_opts', List(_OPTION, max=100) | None),
        Field('security_groups', List(Uuid, max=100) | None),
        Field('port_security_enabled', Bool),
        Field('binding:host_id', Str(255) | None, write_policy=BIND, default=''),
        Field('binding:profile', _PROFILE, write_policy=BIND, default=None),
        Field('binding:vnic_type', Enum('normal')),
        Field('binding:vif_type', Str, READ_ONLY, SOMETIMES),
        Field('binding:vif_details', _PROFILE, READ_ONLY, SOMETIMES),
        Field('status', Str, READ_ONLY),
    ],
    filters=[
        *STANDARD_FILTERS, *TAG_FILTERS, 'name', 'network_id', Filter('mac_address', Mac), 'admin_state_up', 'status', 'device_id', 'device_owner',
        'port_security_enabled', Filter('fixed_ips', Str(255)), Filter('security_groups', Uuid), Filter('binding:host_id', Str(255)), 'binding:vnic_type',
    ],
    sort=[*STANDARD_SORT, 'name', 'network_id', 'mac_address', 'admin_state_up', 'status', 'device_id', 'device_owner'],
    routes=[
        GET('/v2.0/ports', CRUD.list, policy='network:ports:list'),
        POST('/v2.0/ports', CRUD.create, policy='network:ports:create', ok=201, bulk=True),
        GET('/v2.0/ports/{id}', CRUD.show, policy='network:ports:list'),
        PUT('/v2.0/ports/{id}', CRUD.update, policy='network:ports:update'),
        DELETE('/v2.0/ports/{id}', CRUD.delete, policy='network:ports:delete'),
    ],
)  # fmt: skip
