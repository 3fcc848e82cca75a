"""Security groups and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.api import CREATE_ONLY, DELETE, GET, POST, PUT, READ_ONLY, REQUIRED, Bool, Call, Cidr, Enum, Field, Filter, Int, List, OneOf, Reply, Resource, Str, Uuid  # fmt: skip
from common.policy import ADMIN, MEMBER, READER, Rule
from network import security_group_rules as rules
from network import security_groups as groups
from network.api.standard import NAME, STANDARD, STANDARD_FILTERS, STANDARD_SORT, TAG_FILTERS, TAGS, create, listed, standard, tags_of

if TYPE_CHECKING:
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


def view_rule(row: Any) -> dict[str, Any]:
    """A rule as clients see it."""
    shown = standard(row)
    shown.update(
        {
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
    )
    return shown


def view_group(group: groups.Group) -> dict[str, Any]:
    """A group as clients see it."""
    shown = standard(group.row)
    shown.update(
        {
            'name': group.row.name,
            'stateful': group.row.stateful,
            'shared': False,
            'security_group_rules': [view_rule(row) for row in group.rules],
            'tags': tags_of(group.row),
        }
    )
    return shown


def _with_default(call: Call) -> None:
    """Let the projects that are asked about have their default group."""
    ctx = call.ctx
    if ctx.project_id and not call.service.read(ctx, lambda work: groups.has_default(work, str(ctx.project_id))):
        call.service.write(ctx, lambda work: groups.ensure_default(work, str(ctx.project_id)))


def list_groups(call: Call) -> Reply:
    """The groups that the caller sees."""
    _with_default(call)

    def read(work: Work, page: Any) -> list[dict[str, Any]]:
        return [view_group(group) for group in groups.page(work, call.filters, page)]

    return listed(call, read)


def create_group(call: Call) -> Any:
    """A new group, or several."""
    return create(call, lambda work, body: view_group(groups.create(work, body)))


def show_group(call: Call) -> dict[str, Any]:
    """One group."""
    return view_group(call.service.read(call.ctx, lambda work: groups.find(work, call.params['id'])))


def update_group(call: Call) -> dict[str, Any]:
    """Change a group."""
    return view_group(call.service.write(call.ctx, lambda work: groups.update(work, call.params['id'], call.body, call.if_revision)))


def delete_group(call: Call) -> None:
    """Delete a group."""
    call.service.write(call.ctx, lambda work: groups.delete(work, call.params['id'], call.if_revision))


def list_rules(call: Call) -> Reply:
    """The rules that the caller sees."""
    _with_default(call)
    return listed(call, lambda work, page: [view_rule(row) for row in rules.page(work, call.filters, page)])


def create_rule(call: Call) -> Any:
    """A new rule, or several."""
    return create(call, lambda work, body: view_rule(rules.create(work, body)))


def show_rule(call: Call) -> dict[str, Any]:
    """One rule."""
    return view_rule(call.service.read(call.ctx, lambda work: rules.find(work, call.params['id'])))


def delete_rule(call: Call) -> None:
    """Delete a rule."""
    call.service.write(call.ctx, lambda work: rules.delete(work, call.params['id'], call.if_revision))


SECURITY_GROUPS = Resource(
    'security_groups',
    'security_group',
    rules=GROUP_RULES,
    fields=[
        *STANDARD,
        NAME,
        Field('stateful', Bool, READ_ONLY),
        Field('shared', Bool, READ_ONLY),
        Field('security_group_rules', List({'type': 'object'}), READ_ONLY),
        TAGS,
    ],
    filters=[*STANDARD_FILTERS, *TAG_FILTERS, 'name', 'shared', 'stateful'],
    sort=[*STANDARD_SORT, 'name', 'stateful'],
    routes=[
        GET('/v2.0/security-groups', list_groups, policy='network:security_groups:list'),
        POST('/v2.0/security-groups', create_group, policy='network:security_groups:create', ok=201, bulk=True),
        GET('/v2.0/security-groups/{id}', show_group, policy='network:security_groups:list'),
        PUT('/v2.0/security-groups/{id}', update_group, policy=groups.UPDATE),
        DELETE('/v2.0/security-groups/{id}', delete_group, policy=groups.DELETE),
    ],
)
SECURITY_GROUP_RULES = Resource(
    'security_group_rules',
    'security_group_rule',
    rules=RULE_RULES,
    fields=[
        *STANDARD,
        Field('security_group_id', Uuid, REQUIRED, CREATE_ONLY),
        Field('direction', Enum('ingress', 'egress', any_case=True), REQUIRED, CREATE_ONLY),
        Field('ethertype', Enum('IPv4', 'IPv6', any_case=True) | None, CREATE_ONLY),
        Field('protocol', OneOf(Str(40), Int(min=-1, max=255)) | None, CREATE_ONLY),
        Field('port_range_min', Int | None, CREATE_ONLY),
        Field('port_range_max', Int | None, CREATE_ONLY),
        Field('remote_group_id', Uuid | None, CREATE_ONLY),
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
        POST('/v2.0/security-group-rules', create_rule, policy='network:security_group_rules:create', ok=201, bulk=True),
        GET('/v2.0/security-group-rules/{id}', show_rule, policy='network:security_group_rules:list'),
        DELETE('/v2.0/security-group-rules/{id}', delete_rule, policy=rules.DELETE),
    ],
)  # fmt: skip
