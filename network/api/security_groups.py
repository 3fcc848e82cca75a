"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.api import (  # fmt: skip
    CREATE_ONLY,
    DELETE,
    GET,
    POST,
    PUT,
    READ_ONLY,
    REQUIRED,
    Bool,
    Call,
    Cidr,
    Enum,
    Field,
    Filter,
    Id,
    Int,
    List,
    OneOf,
    Reply,
    Resource,
    Str,
)
from common.policy import ADMIN, MEMBER, READER, Rule
from network import security_group_rules as rules
from network import security_groups as groups
from network.api.crud import Crud
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, standard, tags_of
from network.work import Work

GROUP_RULES = [
    Rule('network:security_groups:list', READER, 'List security groups'),
    Rule(groups.SHOW, READER, 'Show a security group'),
    Rule('network:security_groups:create', MEMBER, 'Create a security group'),
    Rule(groups.UPDATE, MEMBER, 'Change a security group'),
    Rule(groups.DELETE, MEMBER, 'Delete a security group'),
    Rule(groups.DELETE_DEFAULT, ADMIN, 'Delete a default security group'),
]
RULE_RULES = [
    Rule('network:security_group_rules:list', READER, 'List security group rules'),
    Rule(rules.SHOW, READER, 'Show a security group rule'),
    Rule('network:security_group_rules:create', MEMBER, 'Add a rule to a security group'),
    Rule(rules.DELETE, MEMBER, 'Delete a security group rule'),
]


def rule_views(work: Work, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Rules as clients see them."""
    return [_view_rule(row) for row in found]


def _view_rule(row: Any) -> dict[str, Any]:
    return {
        **standard(row),
        'security_group_id': row.security_group_id,
        'direction': row.direction,
        'ethertype': row.ethertype,
        'protocol': row.protocol,
        'port_range_min': row.port_range_min,
        'port_range_max': row.port_range_max,
        'remote_group_id': row.remote_group_id,
        'remote_ip_prefix': row.remote_ip_prefix,
        'normalized_cidr': row.remote_ip_prefix,
        'remote_address_group_id': None,
    }


def group_views(work: Work, found: Sequence[groups.Group]) -> list[dict[str, Any]]:
    """Groups with their rules as clients see them."""
    return [
        {
            **standard(group.row),
            'name': group.row.name,
            'tags': tags_of(group.row),
            'stateful': group.row.stateful,
            'shared': False,
            'security_group_rules': [_view_rule(row) for row in group.rules],
        }
        for group in found
    ]


GROUP_CRUD = Crud(groups, group_views)
RULE_CRUD = Crud(rules, rule_views)


def _with_default(call: Call) -> None:
    """Let the caller's project have its default group before anything is listed."""
    ctx, project_id = call.ctx, call.ctx.project_id
    if project_id and not call.service.read(ctx, lambda work: groups.has_default(work, project_id)):
        call.service.write(ctx, lambda work: groups.ensure_default(work, project_id))


def list_groups(call: Call) -> Reply:
    """The groups that the caller sees."""
    _with_default(call)
    return GROUP_CRUD.list(call)


def list_rules(call: Call) -> Reply:
    """The rules that the caller sees."""
    _with_default(call)
    return RULE_CRUD.list(call)


SECURITY_GROUPS = Resource(
    'security_groups',
    'security_group',
    rules=GROUP_RULES,
    fields=[
        *STANDARD,
        NAME,
        TAGS,
        Field('stateful', Bool, READ_ONLY),
        Field('shared', Bool, READ_ONLY),
        Field('security_group_rules', List({'type': 'object'}), READ_ONLY),
    ],
    filters=[*STANDARD_FILTERS, *TAG_FILTERS, 'name', 'shared', 'stateful'],
    sort=[*STANDARD_SORT, 'name', 'stateful'],
    routes=[
        GET('/v2.0/security-groups', list_groups, policy='network:security_groups:list'),
        POST('/v2.0/security-groups', GROUP_CRUD.create, policy='network:security_groups:create', ok=201, bulk=True),
        GET('/v2.0/security-groups/{id}', GROUP_CRUD.show, policy='network:security_groups:list'),
        PUT('/v2.0/security-groups/{id}', GROUP_CRUD.update, policy=groups.UPDATE),
        DELETE('/v2.0/security-groups/{id}', GROUP_CRUD.delete, policy=groups.DELETE),
    ],
)
SECURITY_GROUP_RULES = Resource(
    'security_group_rules',
    'security_group_rule',
    rules=RULE_RULES,
    fields=[
        *STANDARD,
        Field('security_group_id', Id, REQUIRED, CREATE_ONLY),
        Field('direction', Enum('ingress', 'egress', any_case=True), REQUIRED, CREATE_ONLY),
        Field('ethertype', Enum('IPv4', 'IPv6', any_case=True) | None, CREATE_ONLY),
        Field('protocol', OneOf(Str(40), Int(min=-1, max=255)) | None, CREATE_ONLY),
        Field('port_range_min', Int | None, CREATE_ONLY),
        Field('port_range_max', Int | None, CREATE_ONLY),
        Field('remote_group_id', Id | None, CREATE_ONLY),
        Field('remote_ip_prefix', Cidr(loose=True) | None, CREATE_ONLY),
        Field('remote_address_group_id', Enum('') | None, CREATE_ONLY, help='There are no address groups.'),
        Field('normalized_cidr', Str | None, READ_ONLY),
    ],
    filters=[
        *STANDARD_FILTERS, 'security_group_id', 'direction', 'ethertype', Filter('protocol', Str(40)), 'port_range_min', 'port_range_max', 'remote_group_id',
        Filter('remote_ip_prefix', Cidr(loose=True)),
    ],
    sort=[*STANDARD_SORT, 'security_group_id', 'direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_ip_prefix'],
    routes=[
        GET('/v2.0/security-group-rules', list_rules, policy='network:security_group_rules:list'),
        POST('/v2.0/security-group-rules', RULE_CRUD.create, policy='network:security_group_rules:create', ok=201, bulk=True),
        GET('/v2.0/security-group-rules/{id}', RULE_CRUD.show, policy='network:security_group_rules:list'),
        DELETE('/v2.0/security-group-rules/{id}', RULE_CRUD.delete, policy=rules.DELETE),
    ],
)  # fmt: skip
