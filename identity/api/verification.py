"""What other services need in order to check tokens by themselves: public keys and revocations."""

from __future__ import annotations

import base64

from common.api.call import Call, Reply
from common.api.resource import GET, Resource
from common.api.types import Bool, Int, List, Obj, Str
from common.errors import InvalidInput
from common.policy import SERVICE, Rule
from identity import access_rules, tokens
from identity.api import access
from identity.service import IdentityService

SEE_REVOCATIONS = Rule('identity:revocations:list', SERVICE, 'List revocation events', scopes=access.CLOUD)

SEE_CLAIMS = Rule('identity:tokens:claims', SERVICE, 'Read what a token of any kind says', scopes=access.CLOUD)


def list_keys(call: Call) -> Reply:
    """The public keys that tokens are signed with."""
    service: IdentityService = call.service
    return Reply({'keys': service.keys.published()}, 200, {'Cache-Control': 'max-age=60'}, wrap=False)


def list_revocations(call: Call) -> Reply:
    """Events after the one with the id `since`; very young ones are told again."""
    events = tokens.revocations_since(call.service, call.query.get('since') or 0)
    return Reply({'revocations': [event.to_message() for event in events]}, wrap=False)


def show_claims(call: Call) -> Reply:
    """What a token says, whole and as services keep it: for tokens that services cannot read. NotFound unless it is valid."""
    service: IdentityService = call.service
    text = call.header('X-Subject-Token')
    if not text:
        raise InvalidInput('The header X-Subject-Token is missing.', field='X-Subject-Token')
    packed = base64.b64encode(
        (service.open_late_token(text) if call.query.get('allow_expired') else service.open_token(text)).pack()
    ).decode()
    return Reply({'claims': packed}, 200, {'Cache-Control': 'no-store', 'Vary': 'X-Auth-Token, X-Subject-Token'}, wrap=False)


def show_access_rules(call: Call) -> Reply:
    """The access rules that a digest in tokens stands for; they never change. NotFound when no credential has them any more."""
    return Reply({'access_rules': access_rules.by_digest(call.service, call.params['digest'])}, wrap=False)


def show_role_set(call: Call) -> Reply:
    """The roles that a digest in tokens stands for; they never change."""
    return Reply({'roles': tokens.role_set(call.service, call.params['digest'])}, wrap=False)


TOKEN_KEYS = Resource(
    'keys',
    rules=[SEE_REVOCATIONS, SEE_CLAIMS],
    routes=[
        GET('/v3/pileus/token-keys', list_keys, open=True, listing=False, wrap=False, summary='Public keys of tokens'),
        GET(
            '/v3/pileus/token-claims',
            show_claims,
            policy=SEE_CLAIMS,
            listing=False,
            wrap=False,
            query={'allow_expired': Bool},
            summary='What a token says',
        ),
        GET(
            '/v3/pileus/access-rules/{digest}',
            show_access_rules,
            policy=SEE_CLAIMS,
            listing=False,
            wrap=False,
            response=Obj({'access_rules': List(Obj(dict.fromkeys(('service', 'method', 'path'), Str)))}),
            summary='The access rules that tokens with this digest are bound to',
        ),
        GET(
            '/v3/pileus/role-sets/{digest}',
            show_role_set,
            policy=SEE_CLAIMS,
            listing=False,
            wrap=False,
            response=Obj({'roles': List(Str)}),
            summary='The roles that tokens with this digest have',
        ),
        GET(
            '/v3/pileus/revocations',
            list_revocations,
            policy=SEE_REVOCATIONS,
            listing=False,
            wrap=False,
            query={'since': Int(0, 2**62)},
            summary='Tokens that are void before their time',
        ),
    ],
)
