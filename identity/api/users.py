"""Users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common import clock
from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Bool, Obj, Secret, Str
from common.errors import InvalidInput, NotFound
from common.policy import Rule
from identity import reach, users
from identity.api import access
from identity.api.views import paged, self_link, text_filters, with_extra
from identity.records import UserRecord

LIST = Rule('identity:users:list', access.READ, 'List users')
SHOW = Rule('identity:users:show', f'{access.READ} or {access.SELF}', 'Show a user')
CREATE = Rule('identity:users:create', access.MANAGE, 'Create a user')
UPDATE = Rule('identity:users:update', access.MANAGE_ACCOUNT, 'Change a user, who does not reach the cloud unless the caller does')
TAKE_OVER = Rule('identity:users:take_over', access.TAKE_OVER, 'Change password, name or options of a user, or enable one')
DELETE_ = Rule('identity:users:delete', access.MANAGE_ACCOUNT, 'Delete a user, who does not reach the cloud unless the caller does')
_KNOWN = ('name', 'domain_id', 'default_project_id', 'enabled', 'password', 'options', 'password_expires_at')
_OPTIONS = {
    'ignore_change_password_upon_first_use': Bool(strict=True) | None,
    'ignore_password_expiry': Bool(strict=True) | None,
    'ignore_lockout_failure_attempts': Bool(strict=True) | None,
    'lock_password': Bool(strict=True) | None,
    'ignore_user_inactivity': Bool(strict=True) | None,
    'multi_factor_auth_enabled': Bool(strict=True) | None,
    'multi_factor_auth_rules': {'type': ['array', 'null']},
}


def user_view(call: Call, user: UserRecord) -> dict[str, Any]:
    """A user as the API shows it."""
    shown = {
        **user.extra,
        'id': user.id,
        'name': user.name,
        'domain_id': user.domain_id,
        'enabled': user.enabled,
        'options': user.options,
        'password_expires_at': clock.iso(user.password_expires_at, micro=True, zulu=False),
        'links': self_link(call, f'users/{user.id}'),
    }
    if user.default_project_id:
        shown['default_project_id'] = user.default_project_id
    return shown


def load_user(call: Call, rule: str, **said: str) -> UserRecord:
    """The user of the path, if the caller may do this to it. `said`: what else the rule looks at. Raises NotFound, Forbidden."""
    user_id = call.params['user_id']
    try:
        user = users.get(call.service, user_id)
    except NotFound as error:
        raise access.unseen(call, rule, error) from error
    access.authorize(call, rule, user_id=user_id, domain_id=user.domain_id, **said)
    return user


def _load_account(call: Call, rule: str) -> tuple[UserRecord, dict[str, str]]:
    """As `load_user`, for rules that look at how far the user reaches; gives what they are asked about, too."""
    user_id = call.params['user_id']
    try:
        user = users.get(call.service, user_id)
    except NotFound as error:
        raise access.unseen(call, rule, error) from error
    asked = {'user_id': user_id, 'domain_id': user.domain_id, **reach.of_user(call.service, user_id, user.domain_id).target()}
    access.authorize(call, rule, **asked)
    return user, asked


def list_users(call: Call) -> Reply:
    """Users that fit the filters; of a domain-scoped token those of its domain."""
    wanted = dict(call.filters)
    if domain_id := access.domain_of_list(call, LIST.name, wanted.get('domain_id')):
        wanted['domain_id'] = domain_id
    return paged(call, users.list_all(call.service, wanted), lambda user: user_view(call, user))


def create_user(call: Call) -> dict[str, Any]:
    """Make a user, in the caller's domain unless told otherwise."""
    values = with_extra(call.body, _KNOWN)
    if not values.get('domain_id'):
        values['domain_id'] = call.ctx.domain_id or call.ctx.project_domain_id or call.service.options.default_domain_id
    access.authorize(call, CREATE.name, domain_id=values['domain_id'])
    return user_view(call, users.create(call.service, values))


def show_user(call: Call) -> dict[str, Any]:
    """One user."""
    return user_view(call, load_user(call, SHOW.name))


def _takes_over(user: UserRecord, wanted: Mapping[str, Any]) -> bool:
    """Whether a change helps to log in as the user. To say what is so already changes nothing."""
    changes = wanted.get('name', user.name) != user.name or (wanted.get('enabled') is True and not user.enabled)
    return changes or 'password' in wanted or bool(wanted.get('options'))


def update_user(call: Call) -> dict[str, Any]:
    """Change a user."""
    user, asked = _load_account(call, UPDATE.name)
    if _takes_over(user, call.body):
        access.authorize(call, TAKE_OVER.name, **asked)
    if call.body.get('domain_id') not in (None, user.domain_id):
        raise InvalidInput('A user cannot move to another domain.', field='domain_id')
    return user_view(call, users.update(call.service, user.id, with_extra(call.body, _KNOWN)))


def delete_user(call: Call) -> None:
    """Remove a user."""
    users.delete(call.service, _load_account(call, DELETE_.name)[0].id)


def change_password(call: Call) -> None:
    """Change the own password; the present one is the proof, no token is needed."""
    given = call.body['user']
    users.change_password(call.service, call.params['user_id'], given['original_password'], given['password'], call.ctx.remote_address)


_CHANGE = {
    'type': 'object',
    'required': ['user'],
    'properties': {
        'user': {
            'type': 'object',
            'required': ['original_password', 'password'],
            'properties': {name: {'type': 'string', 'x-secret': True} for name in ('original_password', 'password')},
        }
    },
}


USERS = Resource(
    'users',
    'user',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('name', Str(255, 1, pattern=r'\S'), REQUIRED),
        Field('domain_id', Str(64) | None),
        Field('default_project_id', Str(64) | None),
        Field('enabled', Bool(strict=True)),
        Field('password', Secret(None) | None),
        Field('options', Obj(_OPTIONS)),
        Field('password_expires_at', Str | None, READ_ONLY),
    ],
    filters=[*text_filters('name'), 'domain_id', Filter('enabled', Bool), 'default_project_id'],
    rules=[TAKE_OVER],
    routes=[
        GET('/v3/users', list_users, policy=LIST),
        POST('/v3/users', create_user, policy=CREATE, ok=201),
        GET('/v3/users/{user_id}', show_user, policy=SHOW),
        PATCH('/v3/users/{user_id}', update_user, policy=UPDATE),
        DELETE('/v3/users/{user_id}', delete_user, policy=DELETE_),
        POST('/v3/users/{user_id}/password', change_password, body=_CHANGE, wrap=False, ok=204, open=True),
    ],
)
