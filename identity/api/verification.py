"""What other services need in order to check tokens by themselves: public keys and revocations."""

from __future__ import annotations

from common.api.call import Call, Reply
from common.api.resource import GET, Resource
from common.api.types import Int
from common.policy import Rule
from identity import tokens
from identity.service import IdentityService

SEE_REVOCATIONS = Rule('identity:revocations:list', 'role:service or role:admin', 'List revocation events')


def list_keys(call: Call) -> Reply:
    """The public keys that tokens are signed with."""
    service: IdentityService = call.service
    return Reply({'keys': service.keys.published()}, 200, {'Cache-Control': 'max-age=60'}, wrap=False)


def list_revocations(call: Call) -> Reply:
    """Events after the one with the id `since`; very young ones are told again."""
    events = tokens.revocations_since(call.service, call.query.get('since') or 0)
    return Reply({'revocations': [event.to_message() for event in events]}, wrap=False)


TOKEN_KEYS = Resource(
    'keys',
    rules=[SEE_REVOCATIONS],
    routes=[
        GET('/v3/pileus/token-keys', list_keys, open=True, listing=False, wrap=False, summary='Public keys of tokens'),
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
