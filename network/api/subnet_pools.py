"""Subnet pools over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.api import CREATE_ONLY, DELETE, GET, POST, PUT, READ_ONLY, REQUIRED, Bool, Cidr, Field, Filter, Int, List, Resource, Uuid
from common.policy import ADMIN, MEMBER, READER, Rule
from network import subnet_pools
from network.api.crud import Crud
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, standard, tags_of
from network.work import Work

SET_SHARED = 'network:subnetpools:set_shared'
RULES = [
    Rule('network:subnetpools:list', READER, 'List subnet pools'),
    Rule(subnet_pools.SHOW, f'({READER}) or (role:reader and True:%(shared)s)', 'Show a subnet pool'),
    Rule('network:subnetpools:create', MEMBER, 'Create a subnet pool'),
    Rule(subnet_pools.UPDATE, MEMBER, 'Change a subnet pool'),
    Rule(subnet_pools.DELETE, MEMBER, 'Delete a subnet pool'),
    Rule(SET_SHARED, ADMIN, 'Share a subnet pool with all projects, or make it the default'),
]
_SHOWN = ('name', 'prefixes', 'ip_version', 'min_prefixlen', 'default_prefixlen', 'max_prefixlen', 'default_quota', 'shared', 'is_default')


def views(work: Work, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Pools as clients see them."""
    return [
        {**standard(row), **{name: getattr(row, name) for name in _SHOWN}, 'address_scope_id': None, 'tags': tags_of(row)} for row in found
    ]


CRUD = Crud(subnet_pools, views)
_LENGTH = Int(0, 128) | None
SUBNET_POOLS = Resource(
    'subnetpools',
    'subnetpool',
    noun='subnet pool',
    rules=RULES,
    fields=[
        *STANDARD,
        NAME,
        TAGS,
        Field('prefixes', List(Cidr(loose=True), max=100), REQUIRED),
        Field('ip_version', Int, READ_ONLY),
        Field('min_prefixlen', _LENGTH),
        Field('default_prefixlen', _LENGTH),
        Field('max_prefixlen', _LENGTH),
        Field('default_quota', Int(0) | None),
        Field('shared', Bool, CREATE_ONLY, write_policy=SET_SHARED, default=False),
        Field('is_default', Bool, write_policy=SET_SHARED, default=False),
        Field('address_scope_id', Uuid | None, READ_ONLY),
    ],
    filters=[
        *STANDARD_FILTERS, *TAG_FILTERS, 'name', Filter('ip_version', Int), 'shared', 'is_default', Filter('default_quota', Int),
        Filter('min_prefixlen', Int), Filter('default_prefixlen', Int), Filter('max_prefixlen', Int),
    ],
    sort=[*STANDARD_SORT, 'name', 'ip_version', 'shared', 'is_default', 'min_prefixlen', 'default_prefixlen', 'max_prefixlen'],
    routes=[
        GET('/v2.0/subnetpools', CRUD.list, policy='network:subnetpools:list'),
        POST('/v2.0/subnetpools', CRUD.create, policy='network:subnetpools:create', bulk=True, ok=201),
        GET('/v2.0/subnetpools/{id}', CRUD.show, policy='network:subnetpools:list'),
        PUT('/v2.0/subnetpools/{id}', CRUD.update, policy=subnet_pools.UPDATE),
        DELETE('/v2.0/subnetpools/{id}', CRUD.delete, policy=subnet_pools.DELETE),
    ],
)  # fmt: skip
