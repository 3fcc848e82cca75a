"""Revocation events in the form of OS-REVOKE, for services that check tokens as they were checked long ago."""

from __future__ import annotations

import datetime
from typing import Any

from common import clock
from common.api.call import Call, Reply
from common.api.resource import GET, Resource
from common.api.types import DateTime
from common.policy import Rule
from common.tokens import Revocation
from identity import tokens
from identity.api import access
from identity.api.views import self_link

LIST = Rule(
    'identity:revocation_events:list',
    'role:service or role:admin or (role:reader and system_scope:all)',
    'List revocation events',
    scopes=access.CLOUD,
)
_NAMES = {
    'audit_id': 'audit_id',
    'audit_chain_id': 'audit_chain_id',
    'user_id': 'user_id',
    'project_id': 'project_id',
    'domain_id': 'domain_id',
    'role': 'role',
    'trust_id': 'OS-TRUST:trust_id',
    'access_token_id': 'OS-OAUTH1:access_token_id',
}


def _time(seconds: float) -> str | None:
    return clock.iso(datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None), micro=True)


def event_view(event: Revocation) -> dict[str, Any]:
    """An event as the API shows it: what it matches, and until when tokens must be issued to be matched."""
    message = event.to_message()
    shown = {name: message[key] for key, name in _NAMES.items() if key in message}
    return {**shown, 'issued_before': _time(event.issued_before), 'revoked_at': _time(event.issued_before)}


def list_events(call: Call) -> Reply:
    """Events in force; with `since`, those that came later."""
    # Some say nothing that this form has a word for: without it they would be read as being about all tokens.
    found = [event for event in tokens.revocations_since(call.service, 0) if event.key is not None and event.key[0] in _NAMES]
    since = call.query.get('since')
    if since is not None:
        after = since.replace(tzinfo=datetime.UTC).timestamp()
        found = [event for event in found if event.issued_before >= after]
    links = {'next': None, 'previous': None, **self_link(call, 'OS-REVOKE/events')}
    return Reply({'events': [event_view(event) for event in found], 'links': links}, wrap=False)


REVOCATION_EVENTS = Resource(
    'events',
    routes=[GET('/v3/OS-REVOKE/events', list_events, policy=LIST, wrap=False, listing=False, query={'since': DateTime})],
)
