"""Tokens: asking for one, checking one, taking one back; and what a token opens."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, HEAD, POST, Resource
from common.api.types import Str
from common.errors import InvalidInput
from common.policy import Rule
from common.tokens import Claims
from identity import assignments, authentication, catalog, projects, tokens
from identity.api import access
from identity.api.domains import show_domain_view
from identity.api.oauth_signing import signed_request
from identity.api.projects import project_view
from identity.api.views import self_link
from identity.receipts import HEADER, MoreMethodsNeeded
from identity.service import IdentityService

_REFERENCE = {'type': 'object', 'properties': {'id': {'type': 'string'}, 'name': {'type': 'string'}}}
_SCOPED = {
    'type': 'object',
    'properties': {'id': {'type': 'string'}, 'name': {'type': 'string'}, 'domain': _REFERENCE},
    'anyOf': [{'required': ['id']}, {'required': ['name']}],
}
AUTH = {
    'type': 'object',
    'required': ['auth'],
    'properties': {
        'auth': {
            'type': 'object',
            'required': ['identity'],
            'properties': {
                'identity': {
                    'type': 'object',
                    'required': ['methods'],
                    'properties': {
                        'methods': {'type': 'array', 'items': {'type': 'string'}},
                        'password': {
                            'type': 'object',
                            'required': ['user'],
                            'properties': {
                                'user': {
                                    'type': 'object',
                                    'properties': {
                                        'id': {'type': 'string'},
                                        'name': {'type': 'string'},
                                        'password': {'type': 'string', 'x-secret': True},
                                        'domain': _REFERENCE,
                                    },
                                    'anyOf': [{'required': ['id']}, {'required': ['name']}],
                                }
                            },
                        },
                        'totp': {
                            'type': 'object',
                            'required': ['user'],
                            'properties': {
                                'user': {
                                    'type': 'object',
                                    'required': ['passcode'],
                                    'properties': {
                                        'id': {'type': 'string'},
                                        'name': {'type': 'string'},
                                        'passcode': {'type': 'string', 'x-secret': True},
                                        'domain': _REFERENCE,
                                    },
                                    'anyOf': [{'required': ['id']}, {'required': ['name']}],
                                }
                            },
                        },
                        'application_credential': {
                            'type': 'object',
                            'required': ['secret'],
                            'properties': {
                                'id': {'type': 'string'},
                                'name': {'type': 'string'},
                                'secret': {'type': 'string', 'x-secret': True},
                                'user': _SCOPED,
                            },
                            'anyOf': [{'required': ['id']}, {'required': ['name', 'user']}],
                        },
                        'token': {'type': 'object', 'required': ['id'], 'properties': {'id': {'type': 'string', 'x-secret': True}}},
                    },
                },
                'scope': {
                    'anyOf': [
                        {'type': 'string', 'enum': ['unscoped']},
                        {
                            'type': 'object',
                            'properties': {
                                'project': _SCOPED,
                                'domain': _REFERENCE,
                                'system': {'type': 'object', 'properties': {'all': {'type': 'boolean'}}},
                                'OS-TRUST:trust': {'type': 'object', 'required': ['id'], 'properties': {'id': {'type': 'string'}}},
                                'unscoped': {'type': 'object'},
                            },
                        },
                    ]
                },
            },
        }
    },
}

CHECK = Rule(
    'identity:tokens:check', f'{access.CLOUD_ADMIN} or {access.CLOUD_SERVICE} or {access.SYSTEM_READER} or {access.SELF}', 'Check a token'
)
REVOKE = Rule('identity:tokens:revoke', f'{access.CLOUD_ADMIN} or {access.SELF}', 'Take a token back')


def _subject(call: Call, rule: str) -> Claims:
    service: IdentityService = call.service
    text = call.header('X-Subject-Token')
    if not text:
        raise InvalidInput('The header X-Subject-Token is missing.', field='X-Subject-Token')
    late = call.query.get('allow_expired', '').lower() not in ('', '0', 'false', 'no')
    claims = service.open_late_token(text) if late else service.open_token(text)
    access.authorize(call, rule, user_id=claims.user_id)
    return claims


def create_token(call: Call) -> Reply:
    """Authenticate."""
    service: IdentityService = call.service
    auth = call.body['auth']
    identity, scope = auth['identity'], auth.get('scope')
    if 'oauth1' in identity['methods']:
        signed = signed_request(call)
        # As upstream: such a login has its own scope, whatever its client asks for.
        identity, scope = {**identity, 'oauth1': {'oauth_token': signed.token, 'signed_request': signed}}, None
    if isinstance(scope, dict) and len(scope) > 1:
        raise InvalidInput('A token has one scope: project, domain or system.', field='auth.scope')
    try:
        found = authentication.authenticate(service, call.ctx, identity, scope, call.header(HEADER))
    except MoreMethodsNeeded as more:
        return Reply(more.body, 401, more.headers, wrap=False)
    view = tokens.TokenView(found.claims, found.proof.user, found.proof.domain, found.scope)
    shown = tokens.body(service, view, with_catalog='nocatalog' not in call.query)
    return Reply(shown, 201, {'X-Subject-Token': tokens.issue(service, found), 'Vary': 'X-Auth-Token'}, wrap=False)


def show_token(call: Call) -> Reply:
    """Check a token and show it."""
    claims = _subject(call, CHECK.name)
    shown = tokens.body(call.service, tokens.view_of(call.service, claims), with_catalog='nocatalog' not in call.query)
    return Reply(shown, 200, {'X-Subject-Token': call.header('X-Subject-Token') or '', 'Vary': 'X-Auth-Token'}, wrap=False)


def check_token(call: Call) -> Reply:
    """Check a token."""
    _subject(call, CHECK.name)
    return Reply(None, 200, {'X-Subject-Token': call.header('X-Subject-Token') or '', 'Vary': 'X-Auth-Token'})


def revoke_token(call: Call) -> None:
    """Void a token at once."""
    tokens.revoke(call.service, _subject(call, REVOKE.name))


def show_catalog(call: Call) -> Reply:
    """The catalog for the caller's token."""
    found = catalog.catalog(call.service, call.ctx.user_id or '', call.ctx.project_id)
    return Reply({'catalog': found, 'links': self_link(call, 'auth/catalog')}, wrap=False)


def list_projects(call: Call) -> list[dict[str, Any]]:
    """The projects that the caller may ask for a token of."""
    ids = assignments.projects_of(call.service, call.ctx.user_id or '')
    return [project_view(call, *found) for found in projects.list_all(call.service, {'enabled': True, 'is_domain': False}, ids=ids)]


def list_domains(call: Call) -> list[dict[str, Any]]:
    """The domains that the caller may ask for a token of."""
    ids = assignments.domains_of(call.service, call.ctx.user_id or '')
    return [show_domain_view(call, *found) for found in projects.list_all(call.service, {'enabled': True, 'is_domain': True}, ids=ids)]


def list_system(call: Call) -> Reply:
    """Whether the caller may ask for a token of the system."""
    found = [{'all': True}] if assignments.on_system(call.service, call.ctx.user_id or '') else []
    return Reply({'system': found, 'links': self_link(call, 'auth/system')}, wrap=False)


ANYONE = Rule('identity:auth:look', '@', 'See the catalog and the scopes of the own user')
_NOCATALOG = {'nocatalog': Str, 'allow_expired': Str}
TOKENS = Resource(
    'tokens',
    'token',
    rules=[CHECK, REVOKE],
    routes=[
        POST('/v3/auth/tokens', create_token, body=AUTH, wrap=False, ok=201, open=True, query=_NOCATALOG, summary='Authenticate'),
        GET('/v3/auth/tokens', show_token, policy=CHECK, wrap=False, listing=False, query=_NOCATALOG),
        HEAD('/v3/auth/tokens', check_token, policy=CHECK, body=None, query=_NOCATALOG),
        DELETE('/v3/auth/tokens', revoke_token, policy=REVOKE),
        GET('/v3/auth/catalog', show_catalog, policy=ANYONE, wrap=False, listing=False),
        GET('/v3/auth/system', list_system, policy=ANYONE, wrap=False, listing=False),
        GET('/v3/auth/projects', list_projects, policy=ANYONE, collection='projects'),
        GET('/v3/OS-FEDERATION/projects', list_projects, policy=ANYONE, collection='projects', hidden=True),
        GET('/v3/auth/domains', list_domains, policy=ANYONE, collection='domains'),
        GET('/v3/OS-FEDERATION/domains', list_domains, policy=ANYONE, collection='domains', hidden=True),
    ],
)
