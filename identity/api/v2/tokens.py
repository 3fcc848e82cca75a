"""Tokens of version 2.0: asking for one, checking one, taking one back."""

from __future__ import annotations

import datetime
from typing import Any

from common import clock
from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, HEAD, PATCH, POST, Resource
from common.api.types import Obj, Secret, Str
from common.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from common.tokens import Claims
from identity import authentication, tokens, trusts, users
from identity.api import access
from identity.api.auth import CHECK, REVOKE
from identity.api.v2.catalog import service_catalog
from identity.api.v2.shared import ANYONE
from identity.service import IdentityService
from identity.tokens import TokenView

_AUTH = {
    'type': 'object',
    'required': ['auth'],
    'properties': {
        'auth': {
            'type': 'object',
            'properties': {
                'passwordCredentials': {
                    'type': 'object',
                    'required': ['password'],
                    'properties': {
                        'username': {'type': 'string'},
                        'userId': {'type': 'string'},
                        'password': {'type': 'string', 'x-secret': True},
                    },
                },
                'token': {'type': 'object', 'required': ['id'], 'properties': {'id': {'type': 'string', 'x-secret': True}}},
                'tenantId': {'type': ['string', 'null']},
                'tenantName': {'type': ['string', 'null']},
                'trust_id': {'type': 'string'},
            },
        }
    },
}


def _time(seconds: float, *, micro: bool) -> str | None:
    return clock.iso(datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None), micro=micro)


def _identity(service: IdentityService, auth: dict[str, Any]) -> dict[str, Any]:
    """What version 3 calls `identity`. Raises InvalidInput."""
    if 'token' in auth:
        return {'methods': ['token'], 'token': auth['token']}
    given = auth.get('passwordCredentials')
    if given is None:
        raise InvalidInput('Expecting to find passwordCredentials or token in auth.', field='auth')
    names = [name for name in ('username', 'userId') if given.get(name)]
    if len(names) != 1:
        raise InvalidInput('Expecting to find either username or userId in passwordCredentials.', field='auth.passwordCredentials')
    user: dict[str, Any] = {'password': given['password']}
    if 'userId' in names:
        user['id'] = given['userId']
    else:
        user |= {'name': given['username'], 'domain': {'id': service.options.default_domain_id}}
    return {'methods': ['password'], 'password': {'user': user}}


def _scope(service: IdentityService, auth: dict[str, Any]) -> dict[str, Any] | None:
    if auth.get('trust_id'):
        return {'OS-TRUST:trust': {'id': auth['trust_id']}}
    if auth.get('tenantId') and auth.get('tenantName'):
        raise InvalidInput('A token is for one tenant: give tenantId or tenantName.', field='auth')
    if auth.get('tenantId'):
        return {'project': {'id': auth['tenantId']}}
    if auth.get('tenantName'):
        return {'project': {'name': auth['tenantName'], 'domain': {'id': service.options.default_domain_id}}}
    return None


def access_view(service: IdentityService, token: str, view: TokenView, *, with_catalog: bool = True) -> dict[str, Any]:
    """A token as version 2.0 shows it. Raises Unauthorized for one that has to do with another domain than the default one."""
    claims, project = view.claims, view.scope.project
    default = service.options.default_domain_id
    if view.domain.id != default or (project is not None and project.domain.id != default) or view.scope.domain or view.scope.system:
        raise Unauthorized('Version 2.0 knows the default domain only. Use version 3.')
    shown: dict[str, Any] = {
        'id': token,
        'expires': _time(claims.expires_at, micro=False),
        'issued_at': _time(claims.issued_at, micro=True),
        'audit_ids': list(claims.audit_ids),
    }
    roles = view.scope.roles if project is not None else ()
    user = {
        'id': view.user.id,
        'name': view.user.name,
        'username': view.user.name,
        'roles': [{'name': role.name} for role in roles],
        'roles_links': [],
    }
    found: dict[str, Any] = {
        'token': shown,
        'user': user,
        'metadata': {'is_admin': 0, 'roles': [role.id for role in roles]},
        'serviceCatalog': [],
    }
    if project is not None:
        shown['tenant'] = {'id': project.id, 'name': project.name, 'enabled': project.enabled, 'description': None}
        if with_catalog:
            found['serviceCatalog'] = service_catalog(service, claims.user_id, project.id)
    if claims.trust_id:
        trust = trusts.shown_in_token(service, claims.trust_id)
        parties = {f'{party}_id': trust[party]['id'] for party in ('trustor_user', 'trustee_user')}
        found['trust'] = {'id': trust['id'], 'impersonation': trust['impersonation'], **parties}
    return {'access': found}


def _issue(call: Call, identity: dict[str, Any], scope: dict[str, Any] | None) -> Reply:
    service: IdentityService = call.service
    found = authentication.authenticate(service, call.ctx, identity, scope)
    view = TokenView(found.claims, found.proof.user, found.proof.domain, found.scope)
    shown = access_view(service, tokens.issue(service, found), view)
    return Reply(shown, 200, {'Vary': 'X-Auth-Token'}, wrap=False)


def create_token(call: Call) -> Reply:
    """Authenticate."""
    auth = call.body['auth']
    return _issue(call, _identity(call.service, auth), _scope(call.service, auth))


def _subject(call: Call, rule: str) -> Claims:
    claims = call.service.open_token(call.params['token_id'])
    access.authorize(call, rule, user_id=claims.user_id)
    tenant_id = call.query.get('belongsTo')
    if tenant_id and tenant_id != claims.project_id:
        raise NotFound(message='Could not find token.')
    return claims


def show_token(call: Call) -> Reply:
    """Check a token and show it."""
    view = tokens.view_of(call.service, _subject(call, CHECK.name))
    return Reply(access_view(call.service, call.params['token_id'], view), 200, {'Vary': 'X-Auth-Token'}, wrap=False)


def check_token(call: Call) -> None:
    """Check a token."""
    access_view(call.service, '', tokens.view_of(call.service, _subject(call, CHECK.name)), with_catalog=False)


def revoke_token(call: Call) -> None:
    """Void a token at once."""
    tokens.revoke(call.service, _subject(call, REVOKE.name))


def list_endpoints(call: Call) -> Reply:
    """The endpoints that a token opens."""
    claims = _subject(call, CHECK.name)
    found = service_catalog(call.service, claims.user_id, claims.project_id) if claims.project_id else []
    shown = [
        {**endpoint, 'name': one['name'], 'type': one['type'], 'tenantId': claims.project_id}
        for one in found
        for endpoint in one['endpoints']
    ]
    return Reply({'endpoints': shown, 'endpoints_links': []}, wrap=False)


def change_password(call: Call) -> Reply:
    """Change the own password, and get a token in place of the one that is void now."""
    user_id, given = call.params['user_id'], call.body['user']
    if call.ctx.user_id != user_id:
        raise Forbidden('Users change their own password here; an administrator sets it with PUT /v2.0/users/ID/OS-KSADM/password.')
    users.change_password(call.service, user_id, given['original_password'], given['password'])
    scope = {'project': {'id': call.ctx.project_id}} if call.ctx.project_id else None
    # Tokens tell time to the millisecond, and this one must not seem older than the change.
    clock.sleep(0.001)
    return _issue(call, {'methods': ['password'], 'password': {'user': {'id': user_id, 'password': given['password']}}}, scope)


_ONE = '/v2.0/tokens/{token_id}'
_BELONGS = {'belongsTo': Str}
_CHANGE = Obj(
    {'user': Obj({'password': Secret(None), 'original_password': Secret(None)}, required=['password', 'original_password'])},
    required=['user'],
)
TOKENS_V2 = Resource(
    'tokens',
    rules=[CHECK, REVOKE],
    routes=[
        POST('/v2.0/tokens', create_token, body=_AUTH, wrap=False, open=True, summary='Authenticate (2.0)'),
        GET(_ONE, show_token, policy=CHECK, wrap=False, listing=False, query=_BELONGS),
        HEAD(_ONE, check_token, policy=CHECK, body=None, query=_BELONGS),
        DELETE(_ONE, revoke_token, policy=REVOKE),
        GET(f'{_ONE}/endpoints', list_endpoints, policy=CHECK, wrap=False, listing=False),
        PATCH('/v2.0/OS-KSCRUD/users/{user_id}', change_password, policy=ANYONE, wrap=False, body=_CHANGE),
    ],
)
