"""Which tokens are void before their time.

An event names what it is about; all that it names must match a token that was issued no later than `issued_before`.
Events live as long as a token that they could match.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from typing import Any

from common import clock
from common.tokens.claims import Claims

# By which field an event is found, the most selective first.
_KEYS = (
    'audit_id',
    'audit_chain_id',
    'trust_id',
    'application_credential_id',
    'access_token_id',
    'credential_mark',
    'user_id',
    'project_id',
    'domain_id',
    'role',
)


@dataclasses.dataclass(frozen=True, slots=True)
class Revocation:
    """One event. Times are seconds since the epoch; `id` orders events and names them on the wire.

    `domain_id` matches tokens of users of the domain, of its projects, and scoped to it; `role` is a role's name;
    `scope` ('domain' or 'system') narrows a user's event to tokens of that scope.
    """

    id: int
    issued_before: float
    expires_at: float
    audit_id: str | None = None
    audit_chain_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    role: str | None = None
    scope: str | None = None
    trust_id: str | None = None
    application_credential_id: str | None = None
    access_token_id: str | None = None
    credential_mark: str | None = None

    def matches(self, claims: Claims) -> bool:
        """Whether the token with these claims is revoked by this event."""
        if claims.issued_at > self.issued_before:
            return False
        if self.scope == 'domain':
            if claims.domain_id != self.domain_id:
                return False
        elif self.domain_id and self.domain_id not in (claims.user_domain_id, claims.project_domain_id, claims.domain_id):
            return False
        if self.scope == 'system' and not claims.system_scope:
            return False
        return (
            (not self.audit_id or claims.audit_ids[:1] == (self.audit_id,))
            and (not self.audit_chain_id or self.audit_chain_id in claims.audit_ids)
            and (not self.user_id or claims.user_id == self.user_id)
            and (not self.project_id or claims.project_id == self.project_id)
            and (not self.role or self.role in claims.roles)
            and (not self.trust_id or claims.trust_id == self.trust_id)
            and (not self.application_credential_id or claims.application_credential_id == self.application_credential_id)
            and (not self.access_token_id or claims.access_token_id == self.access_token_id)
            and (not self.credential_mark or claims.credential_mark == self.credential_mark)
        )

    def to_message(self) -> dict[str, Any]:
        """JSON-ready values without the empty ones."""
        return {f.name: value for f in dataclasses.fields(self) if (value := getattr(self, f.name)) is not None}

    @property
    def key(self) -> tuple[str, str] | None:
        """Under which field and value it is found; None for one that names nothing."""
        return next(((kind, value) for kind in _KEYS if (value := getattr(self, kind))), None)

    @classmethod
    def from_message(cls, data: dict[str, Any]) -> Revocation:
        """The event that `to_message` wrote. What a newer sender narrows it by is not looked at: too many are revoked then."""
        return cls(**{name: value for name, value in data.items() if name in _FIELDS})


_FIELDS = frozenset(field.name for field in dataclasses.fields(Revocation))


class Revocations:
    """The events in force, found in a few dictionary look-ups. Safe to use from several threads.

    `revision` moves whenever an event is added: what was checked at one revision need not be checked again.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.latest_id = 0
        self._lock = threading.Lock()
        self._events: dict[int, Revocation] = {}
        self._index: dict[tuple[str, str], tuple[Revocation, ...]] = {}
        self._kinds: tuple[str, ...] = ()

    def add(self, events: Iterable[Revocation]) -> int:
        """Take events in, each once; returns how many were new."""
        with self._lock:
            now = clock.timestamp()
            fresh = {event.id: event for event in events if event.id not in self._events and event.expires_at > now}
            for event in fresh.values():
                self._events[event.id] = event
                self.latest_id = max(self.latest_id, event.id)
                if (key := event.key) is not None:
                    self._index[key] = (*self._index.get(key, ()), event)
            if fresh:
                self._kinds = tuple({kind for kind, _ in self._index})
                self.revision += 1
            return len(fresh)

    def is_revoked(self, claims: Claims) -> bool:
        """Whether any event matches."""
        index = self._index
        for kind in self._kinds:
            for value in _values(kind, claims):
                if value and any(event.matches(claims) for event in index.get((kind, value), ())):
                    return True
        return False

    def prune(self) -> int:
        """Forget events that can match no living token; returns how many."""
        now = clock.timestamp()
        with self._lock:
            dead = [event for event in self._events.values() if event.expires_at <= now]
            for event in dead:
                del self._events[event.id]
            index: dict[tuple[str, str], tuple[Revocation, ...]] = {}
            for event in self._events.values():
                if (key := event.key) is not None:
                    index[key] = (*index.get(key, ()), event)
            self._index = index
            self._kinds = tuple({kind for kind, _ in index})
            return len(dead)

    def __len__(self) -> int:
        return len(self._events)


def _values(kind: str, claims: Claims) -> Iterable[str | None]:
    match kind:
        case 'audit_id':
            return claims.audit_ids[:1]
        case 'audit_chain_id':
            return claims.audit_ids
        case 'role':
            return claims.roles
        case 'domain_id':
            return {claims.user_domain_id, claims.project_domain_id, claims.domain_id}
        case _:
            return (getattr(claims, kind),)
