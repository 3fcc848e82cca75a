"""Routers over REST, with their interfaces and extra routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.api import DELETE, GET, POST, PUT, READ_ONLY, UPDATE_ONLY, Bool, Call, Cidr, Enum, Field, Ip, List, Obj, Resource, Str, Uuid
from common.api.answers import answer
from common.policy import ADMIN, MEMBER, READER, Rule
from network import router_interfaces, routers
from network.api.crud import Crud
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, standard, tags_of
from network.work import Work

RULES = [
    Rule('network:routers:list', READER, 'List routers'),
    Rule(routers.SHOW, READER, 'Show a router'),
    Rule('network:routers:create', MEMBER, 'Create a router'),
    Rule(routers.UPDATE, MEMBER, 'Change a router'),
    Rule(routers.DELETE, MEMBER, 'Delete a router'),
    Rule(router_interfaces.ADD, MEMBER, 'Connect a router with a subnet'),
    Rule(router_interfaces.REMOVE, MEMBER, 'Disconnect a router from a subnet'),
    Rule(routers.SET_GATEWAY_DETAILS, ADMIN, 'Choose the addresses of a gateway, and whether it hides those behind it'),
]
_FIXED = Obj({'ip_address': Ip | None, 'subnet_id': Uuid | None})
_GATEWAY = Obj({'network_id': Uuid | None, 'enable_snat': Bool, 'external_fixed_ips': List(_FIXED, max=20)})
_ROUTES = List(Obj({'destination': Cidr(loose=True), 'nexthop': Ip}, required=['destination', 'nexthop']), max=200)


def views(work: Work, found: Sequence[routers.Router]) -> list[dict[str, Any]]:
    """Routers as clients see them."""
    return [_view(work, router) for router in found]


def _view(work: Work, router: routers.Router) -> dict[str, Any]:
    row = router.row
    return {
        **standard(row),
        'name': row.name,
        'tags': tags_of(row),
        'admin_state_up': row.admin_state_up,
        'status': 'ACTIVE',
        'external_gateway_info': _gateway(router),
        'routes': [{'destination': destination, 'nexthop': next_hop} for destination, next_hop in row.routes or ()],
        'availability_zone_hints': row.availability_zone_hints or [],
        'availability_zones': [work.options.availability_zone] if row.host else [],
        'distributed': False,
        'ha': False,
        'flavor_id': None,
    }


def _gateway(router: routers.Router) -> dict[str, Any] | None:
    if not router.row.external_network_id:
        return None
    return {
        'network_id': router.row.external_network_id,
        'enable_snat': router.row.enable_snat,
        'external_fixed_ips': [{'subnet_id': subnet_id, 'ip_address': address} for subnet_id, address in router.gateway],
    }


def add_interface(call: Call) -> dict[str, Any]:
    """Connect with a subnet or a port."""
    body = call.body
    return call.service.write(
        call.ctx, lambda work: router_interfaces.add(work, call.params['id'], body.get('subnet_id'), body.get('port_id'))
    )


def remove_interface(call: Call) -> dict[str, Any]:
    """Disconnect."""
    body = call.body
    return call.service.write(
        call.ctx, lambda work: router_interfaces.remove(work, call.params['id'], body.get('subnet_id'), body.get('port_id'))
    )


def add_routes(call: Call) -> dict[str, Any]:
    """Add to the extra routes."""
    return _change_routes(call, add=True)


def remove_routes(call: Call) -> dict[str, Any]:
    """Take away from the extra routes."""
    return _change_routes(call, add=False)


def _change_routes(call: Call, *, add: bool) -> dict[str, Any]:
    return call.service.write(
        call.ctx, lambda work: views(work, [routers.change_routes(work, call.params['id'], call.body['routes'], add=add)])[0]
    )


CRUD = Crud(routers, views)
_INTERFACE = Obj({'subnet_id': Uuid, 'port_id': Uuid})
_SOME_ROUTES = Obj({'routes': _ROUTES}, required=['routes'])

_CHANGED = answer({'id': str, 'port_id': str, 'subnet_id': str, 'subnet_ids': [str], 'tenant_id': str, 'network_id': str})
ROUTERS = Resource(
    'routers',
    'router',
    rules=RULES,
    fields=[
        *STANDARD,
        NAME,
        TAGS,
        Field('admin_state_up', Bool, default=True),
        Field('status', Enum('ACTIVE', 'DOWN', 'BUILD', 'ERROR', 'ALLOCATING'), READ_ONLY),
        Field('external_gateway_info', _GATEWAY | None),
        Field('routes', _ROUTES | None, UPDATE_ONLY),
        Field('availability_zone_hints', List(Str(255), max=10)),
        Field('availability_zones', List(Str(255)), READ_ONLY),
        Field('distributed', Bool, READ_ONLY),
        Field('ha', Bool, READ_ONLY),
        Field('flavor_id', Uuid | None, READ_ONLY),
    ],
    filters=[*STANDARD_FILTERS, *TAG_FILTERS, 'name', 'admin_state_up', 'status'],
    sort=[*STANDARD_SORT, 'name', 'admin_state_up'],
    routes=[
        GET('/v2.0/routers', CRUD.list, policy='network:routers:list'),
        POST('/v2.0/routers', CRUD.create, policy='network:routers:create', bulk=True, ok=201),
        GET('/v2.0/routers/{id}', CRUD.show, policy='network:routers:list'),
        PUT('/v2.0/routers/{id}', CRUD.update, policy=routers.UPDATE),
        DELETE('/v2.0/routers/{id}', CRUD.delete, policy=routers.DELETE),
        PUT(
            '/v2.0/routers/{id}/add_router_interface',
            add_interface,
            policy=router_interfaces.ADD,
            body=_INTERFACE,
            wrap=False,
            response=_CHANGED,
        ),
        PUT(
            '/v2.0/routers/{id}/remove_router_interface',
            remove_interface,
            policy=router_interfaces.REMOVE,
            body=_INTERFACE,
            wrap=False,
            response=_CHANGED,
        ),
        PUT('/v2.0/routers/{id}/add_extraroutes', add_routes, policy=routers.UPDATE, body=_SOME_ROUTES),
        PUT('/v2.0/routers/{id}/remove_extraroutes', remove_routes, policy=routers.UPDATE, body=_SOME_ROUTES),
    ],
)
