"""OAuth tokens: what consumers ask for, and what users allow them (OS-OAUTH1)."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import Any

from common import clock
from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, PUT, Resource
from common.api.types import List, Obj, Str
from common.errors import InvalidInput, NotFound
from common.policy import Rule
from identity import oauth1
from identity.api import access
from identity.api.oauth_signing import signed_request
from identity.api.roles import role_view
from identity.api.views import paged, self_link
from identity.brute_force import names_in
from identity.db.models import Role
from identity.db.oauth_models import AccessToken
from identity.oauth1 import Issued
from identity.oauth1_signatures import SignedRequest

AUTHORIZE = Rule('identity:oauth1:authorize', '@', 'Allow what an OAuth consumer asks for, with own roles')
SEE = Rule('identity:access_tokens:show', f'{access.ADMIN_OR_SYSTEM_READER} or {access.SELF}', 'See what a user allows OAuth consumers')
DELETE_ = Rule('identity:access_tokens:delete', f'{access.CLOUD_ADMIN} or {access.SELF}', 'Take back what a user allows an OAuth consumer')
_ROLES = List(Obj({'id': Str(64, 1), 'name': Str(255, 1)}, extra='allow'), max=100, min=1)


def _issued(call: Call, name: str, attempt: Callable[[SignedRequest], Issued]) -> Reply:
    """A new token as OAuth clients expect it; failures count as those of logins.

    :param name: whose failures: of a `consumer_key` or a `token`
    """
    signed = signed_request(call)
    names = names_in({'methods': ['oauth1'], 'oauth1': {'oauth_token': getattr(signed, name)}})
    made = call.service.guard.around(call.ctx.remote_address, names, lambda: attempt(signed))
    fields = {'oauth_token': made.id, 'oauth_token_secret': made.secret}
    if made.expires_at is not None:
        fields['oauth_expires_at'] = clock.iso(made.expires_at, micro=True) or ''
    return Reply(raw=urllib.parse.urlencode(fields).encode(), content_type='application/x-www-form-urlencoded')


def create_request_token(call: Call) -> Reply:
    """A consumer asks to act in the project that the header `Requested-Project-Id` names."""
    project_id = call.header('Requested-Project-Id')
    if not project_id:
        raise InvalidInput('The header Requested-Project-Id is missing.', field='Requested-Project-Id')
    return _issued(call, 'consumer_key', lambda signed: oauth1.request_token(call.service, signed, project_id))


def authorize(call: Call) -> Reply:
    """The caller allows what a consumer asked for."""
    access.refuse_delegated(call)
    verifier = oauth1.authorize(call.service, call.ctx, call.params['request_token_id'], call.body['roles'])
    return Reply({'token': {'oauth_verifier': verifier}}, wrap=False)


def create_access_token(call: Call) -> Reply:
    """A consumer changes what a user has allowed into an access token."""
    return _issued(call, 'token', lambda signed: oauth1.access_token(call.service, signed))


def token_view(call: Call, token: AccessToken) -> dict[str, Any]:
    """An access token as the API shows it."""
    path = f'users/{token.user_id}/OS-OAUTH1/access_tokens/{token.id}'
    return {
        'id': token.id,
        'consumer_id': token.consumer_id,
        'authorizing_user_id': token.user_id,
        'project_id': token.project_id,
        'expires_at': clock.iso(token.expires_at, micro=True),
        'links': {**self_link(call, path), 'roles': call.url(f'/v3/{path}/roles')},
    }


def _load(call: Call) -> AccessToken:
    user_id = access.user_in_path(call, SEE)
    return oauth1.get_access_token(call.service, call.params['access_token_id'], user_id)


def list_access_tokens(call: Call) -> Reply:
    """What a user allows consumers."""
    return paged(call, oauth1.list_access_tokens(call.service, access.user_in_path(call, SEE)), lambda token: token_view(call, token))


def show_access_token(call: Call) -> dict[str, Any]:
    """One access token."""
    return token_view(call, _load(call))


def delete_access_token(call: Call) -> None:
    """Take a permission back."""
    user_id = access.user_in_path(call, DELETE_)
    access.refuse_delegated(call)
    oauth1.delete_access_token(call.service, user_id, call.params['access_token_id'])


def _roles(call: Call) -> list[Role]:
    return oauth1.roles_of(call.service, _load(call))


def list_roles(call: Call) -> Reply:
    """The roles that an access token passes on."""
    return paged(call, _roles(call), lambda role: role_view(call, role))


def show_role(call: Call) -> dict[str, Any]:
    """One of the roles that an access token passes on."""
    for role in _roles(call):
        if role.id == call.params['role_id']:
            return role_view(call, role)
    raise NotFound('role', call.params['role_id'])


_ALL = '/v3/users/{user_id}/OS-OAUTH1/access_tokens'
_ONE = f'{_ALL}/{{access_token_id}}'
_VERIFIER = Obj({'token': Obj({'oauth_verifier': Str}, required=['oauth_verifier'])}, required=['token'])
_ROLE_VIEW = Obj({'id': Str, 'name': Str}, required=['id', 'name'], extra='allow')

OAUTH_TOKENS = Resource(
    'access_tokens',
    'access_token',
    rules=[AUTHORIZE, SEE, DELETE_],
    view=Obj({'id': Str, 'consumer_id': Str, 'authorizing_user_id': Str, 'project_id': Str}, required=['id', 'consumer_id'], extra='allow'),
    routes=[
        POST('/v3/OS-OAUTH1/request_token', create_request_token, body=None, open=True, ok=201, summary='Ask to act for a user'),
        PUT(
            '/v3/OS-OAUTH1/authorize/{request_token_id}',
            authorize,
            policy=AUTHORIZE,
            body=Obj({'roles': _ROLES}, required=['roles']),
            wrap=False,
            response=_VERIFIER,
        ),
        POST('/v3/OS-OAUTH1/access_token', create_access_token, body=None, open=True, ok=201, summary='Act for a user who has allowed it'),
        GET(_ALL, list_access_tokens, policy=SEE),
        GET(_ONE, show_access_token, policy=SEE),
        DELETE(_ONE, delete_access_token, policy=DELETE_),
        GET(f'{_ONE}/roles', list_roles, policy=SEE, collection='roles', response=Obj({'roles': List(_ROLE_VIEW)}, extra='allow')),
        GET(f'{_ONE}/roles/{{role_id}}', show_role, policy=SEE, member='role', listing=False, response=Obj({'role': _ROLE_VIEW})),
    ],
)
