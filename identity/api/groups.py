"""Groups and who is in them."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field
from common.api.resource import DELETE, GET, HEAD, PATCH, POST, PUT, Resource
from common.api.types import Str
from common.errors import InvalidInput, NotFound
from common.policy import Rule
from identity import reach, users
from identity.api import access
from identity.api.users import load_user, user_view
from identity.api.views import paged, self_link, text_filters, with_extra
from identity.reach import Reach
from identity.records import GroupRecord

LIST = Rule('identity:groups:list', access.READ, 'List groups')
SHOW = Rule('identity:groups:show', access.READ, 'Show a group')
CREATE = Rule('identity:groups:create', access.MANAGE, 'Create a group')
UPDATE = Rule('identity:groups:update', access.MANAGE_ACCOUNT, 'Change a group')
DELETE_ = Rule('identity:groups:delete', access.MANAGE_ACCOUNT, 'Delete a group')
MEMBERS = Rule('identity:groups:members', access.READ, 'See who is in a group')
ADD = Rule('identity:groups:add_member', access.TAKE_OVER, 'Put a user into a group, which opens no more than the domain of the caller')
REMOVE = Rule('identity:groups:remove_member', access.MANAGE_ACCOUNT, 'Take a user out of a group')
OF_USER = Rule('identity:users:groups', f'{access.READ} or {access.SELF}', 'List the groups of a user')
_LOOK_AT_REACH = frozenset(rule.name for rule in (UPDATE, DELETE_, ADD, REMOVE))
_KNOWN = ('name', 'domain_id', 'description')


def group_view(call: Call, group: GroupRecord) -> dict[str, Any]:
    """A group as the API shows it."""
    return {
        **group.extra,
        'id': group.id,
        'name': group.name,
        'domain_id': group.domain_id,
        'description': group.description,
        'links': self_link(call, f'groups/{group.id}'),
    }


def _load(call: Call, rule: str) -> GroupRecord:
    try:
        group = users.get_group(call.service, call.params['group_id'])
    except NotFound as error:
        raise access.unseen(call, rule, error) from error
    far = reach.of_group(call.service, group.id, group.domain_id).target() if rule in _LOOK_AT_REACH else {}
    access.authorize(call, rule, domain_id=group.domain_id, **far)
    return group


def list_groups(call: Call) -> Reply:
    """Groups that fit the filters; of a domain-scoped token those of its domain."""
    wanted = dict(call.filters)
    if domain_id := access.domain_of_list(call, LIST.name, wanted.get('domain_id')):
        wanted['domain_id'] = domain_id
    return paged(call, users.list_groups(call.service, wanted), lambda group: group_view(call, group))


def create_group(call: Call) -> dict[str, Any]:
    """Make a group, in the caller's domain unless told otherwise."""
    values = with_extra(call.body, _KNOWN)
    if not values.get('domain_id'):
        values['domain_id'] = call.ctx.domain_id or call.ctx.project_domain_id or call.service.options.default_domain_id
    access.authorize(call, CREATE.name, domain_id=values['domain_id'])
    return group_view(call, users.create_group(call.service, values))


def show_group(call: Call) -> dict[str, Any]:
    """One group."""
    return group_view(call, _load(call, SHOW.name))


def update_group(call: Call) -> dict[str, Any]:
    """Change a group."""
    group = _load(call, UPDATE.name)
    if call.body.get('domain_id') not in (None, group.domain_id):
        raise InvalidInput('A group cannot move to another domain.', field='domain_id')
    return group_view(call, users.update_group(call.service, group.id, with_extra(call.body, _KNOWN)))


def delete_group(call: Call) -> None:
    """Remove a group."""
    users.delete_group(call.service, _load(call, DELETE_.name).id)


def list_members(call: Call) -> Reply:
    """The users in a group."""
    group = _load(call, MEMBERS.name)
    wanted = {name: value for name, value in call.query.items() if name in ('name', 'enabled')}
    return paged(call, users.list_all(call.service, wanted, group_id=group.id), lambda user: user_view(call, user))


def check_member(call: Call) -> None:
    """Whether a user is in the group."""
    users.check_member(call.service, _load(call, MEMBERS.name).id, call.params['user_id'])


def add_member(call: Call) -> None:
    """Put a user into the group; who manages one domain must manage the user's too."""
    group = _load(call, ADD.name)
    load_user(call, ADD.name, **Reach().target())
    users.add_member(call.service, group.id, call.params['user_id'])


def remove_member(call: Call) -> None:
    """Take a user out of the group."""
    users.remove_member(call.service, _load(call, REMOVE.name).id, call.params['user_id'])


def groups_of_user(call: Call) -> Reply:
    """The groups that a user is in."""
    user = load_user(call, OF_USER.name)
    return paged(call, users.list_groups(call.service, call.filters, user_id=user.id), lambda group: group_view(call, group))


_MEMBER = '/v3/groups/{group_id}/users/{user_id}'
GROUPS = Resource(
    'groups',
    'group',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('name', Str(64, 1, pattern=r'\S'), REQUIRED),
        Field('domain_id', Str(64) | None),
        Field('description', Str(65535) | None),
    ],
    filters=[*text_filters('name'), 'domain_id'],
    routes=[
        GET('/v3/groups', list_groups, policy=LIST),
        POST('/v3/groups', create_group, policy=CREATE, ok=201),
        GET('/v3/groups/{group_id}', show_group, policy=SHOW),
        PATCH('/v3/groups/{group_id}', update_group, policy=UPDATE),
        DELETE('/v3/groups/{group_id}', delete_group, policy=DELETE_),
        GET('/v3/groups/{group_id}/users', list_members, policy=MEMBERS, collection='users'),
        GET(_MEMBER, check_member, policy=MEMBERS, ok=204),
        HEAD(_MEMBER, check_member, policy=MEMBERS, ok=204, body=None),
        PUT(_MEMBER, add_member, policy=ADD, ok=204, body=None),
        DELETE(_MEMBER, remove_member, policy=REMOVE),
        GET('/v3/users/{user_id}/groups', groups_of_user, policy=OF_USER),
    ],
)
