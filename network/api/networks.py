"""Networks over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.api import DELETE, GET, POST, PUT, READ_ONLY, Bool, Enum, Field, Filter, Int, List, Resource, Str, Uuid
from common.policy import ADMIN, MEMBER, READER, Rule
from network import networks, segments
from network.api.crud import Crud
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, standard, tags_of
from network.db import networks as queries
from network.work import Work

SHOWN = f'({READER}) or (role:reader and (True:%(shared)s or True:%(external)s))'
SEE_PROVIDER = 'network:networks:see_provider'
SET_PROVIDER = 'network:networks:set_provider'
SET_SHARED = 'network:networks:set_shared'
SET_EXTERNAL = 'network:networks:set_external'

RULES = [
    Rule('network:networks:list', READER, 'List networks'),
    Rule(networks.SHOW, SHOWN, 'Show a network'),
    Rule('network:networks:create', MEMBER, 'Create a network'),
    Rule(networks.UPDATE, MEMBER, 'Change a network'),
    Rule(networks.DELETE, MEMBER, 'Delete a network'),
    Rule(SEE_PROVIDER, ADMIN, 'See the segment of a network'),
    Rule(SET_PROVIDER, ADMIN, 'Choose the segment of a network'),
    Rule(SET_SHARED, ADMIN, 'Share a network with all projects'),
    Rule(SET_EXTERNAL, ADMIN, 'Make a network external'),
    Rule('network:see_all_projects', ADMIN, 'See and make things of all projects'),
]


def views(work: Work, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Networks as clients see them."""
    subnets = queries.subnet_ids(work.session, [row.id for row in found])
    provider = work.allowed(SEE_PROVIDER)
    return [_view(work, row, subnets.get(row.id, []), provider) for row in found]


def _view(work: Work, row: Any, subnets: list[str], provider: bool) -> dict[str, Any]:
    zone = [work.options.availability_zone]
    view = {
        **standard(row),
        'name': row.name,
        'tags': tags_of(row),
        'admin_state_up': row.admin_state_up,
        'status': 'ACTIVE',
        'shared': row.shared,
        'router:external': row.external,
        'is_default': row.is_default,
        'mtu': row.mtu,
        'port_security_enabled': row.port_security_enabled,
        'availability_zone_hints': row.availability_zone_hints or [],
        'availability_zones': zone if subnets else [],
        'subnets': subnets,
    }
    if provider:
        view['provider:network_type'] = row.network_type
        view['provider:physical_network'] = row.physical_network
        view['provider:segmentation_id'] = row.segmentation_id
    return view


CRUD = Crud(networks, views)

NETWORKS = Resource(
    'networks',
    'network',
    rules=RULES,
    fields=[
        *STANDARD,
        NAME,
        TAGS,
        Field('admin_state_up', Bool, default=True),
        Field('status', Enum('ACTIVE', 'DOWN', 'BUILD', 'ERROR'), READ_ONLY),
        Field('shared', Bool, default=False, write_policy=SET_SHARED),
        Field('router:external', Bool, default=False, write_policy=SET_EXTERNAL),
        Field('is_default', Bool, default=False, write_policy=SET_EXTERNAL),
        Field('mtu', Int(0, 65535) | None),
        Field('port_security_enabled', Bool, default=True),
        Field('availability_zone_hints', List(Str(255), max=10)),
        Field('availability_zones', List(Str(255)), READ_ONLY),
        Field('provider:network_type', Enum(*segments.KINDS) | None, write_policy=SET_PROVIDER, default=None),
        Field('provider:physical_network', Str(64) | None, write_policy=SET_PROVIDER, default=None),
        Field('provider:segmentation_id', Int(0, 2**24 - 1) | None, write_policy=SET_PROVIDER, default=None),
        Field('subnets', List(Uuid), READ_ONLY),
    ],
    filters=[
        *STANDARD_FILTERS, *TAG_FILTERS, 'name', 'admin_state_up', 'status', 'shared', 'router:external', 'is_default', Filter('mtu', Int), 'port_security_enabled',
        Filter('provider:network_type', Str), Filter('provider:physical_network', Str), Filter('provider:segmentation_id', Int),
        Filter('subnets', Uuid),
    ],
    sort=[*STANDARD_SORT, 'name', 'admin_state_up', 'shared', 'mtu', 'router:external'],
    routes=[
        GET('/v2.0/networks', CRUD.list, policy='network:networks:list'),
        POST('/v2.0/networks', CRUD.create, policy='network:networks:create', bulk=True, ok=201),
        GET('/v2.0/networks/{id}', CRUD.show, policy='network:networks:list'),
        PUT('/v2.0/networks/{id}', CRUD.update, policy=networks.UPDATE),
        DELETE('/v2.0/networks/{id}', CRUD.delete, policy=networks.DELETE),
    ],
)  # fmt: skip
