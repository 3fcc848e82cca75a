"""Who asks, for which project, in which request, and until when."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from common.ids import new_request_id


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """The caller of a request, or of the step of an operation. Never holds a token or a password.

    `trust_id` and `application_credential_id` tell that the caller acts by what a user has delegated. `deadline` and
    `expires_at` are seconds since the epoch. `global_request_id` is the id that the first service of a
    chain was given (or made); it ties the events of all services together.
    """

    request_id: str
    global_request_id: str
    user_id: str | None = None
    user_name: str | None = None
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None
    system_scope: str | None = None
    roles: frozenset[str] = frozenset()
    methods: tuple[str, ...] = ()
    audit_ids: tuple[str, ...] = ()
    trust_id: str | None = None
    application_credential_id: str | None = None
    expires_at: float | None = None
    deadline: float | None = None
    remote_address: str | None = None
    is_anonymous: bool = False
    reason: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether the caller is an administrator of the cloud: with the role admin on a project or the system, not on a domain."""
        return 'admin' in self.roles and self.domain_id is None

    @property
    def is_service(self) -> bool:
        """Whether the caller is another Pileus service: with the role service on a project or the system. On a domain its admin may give it."""
        return 'service' in self.roles and self.domain_id is None

    @classmethod
    def anonymous(cls, request_id: str | None = None, **rest: Any) -> Self:
        """A caller without a token."""
        request = request_id or new_request_id()
        rest.setdefault('global_request_id', request)
        return cls(request_id=request, is_anonymous=True, **rest)

    @classmethod
    def service(cls, name: str, *, request_id: str | None = None, global_request_id: str | None = None) -> Self:
        """The service itself, for periodic work that no user asked for."""
        request = request_id or new_request_id()
        return cls(
            request_id=request,
            global_request_id=global_request_id or request,
            user_name=name,
            roles=frozenset({'admin', 'service', 'member', 'manager', 'reader'}),
            system_scope='all',
        )

    def but(self, **changes: Any) -> Self:
        """A copy with some values changed."""
        return dataclasses.replace(self, **changes)

    def to_message(self) -> dict[str, Any]:
        """JSON-ready values without the empty ones."""
        out: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or value == () or value is False:
                continue
            if isinstance(value, frozenset):
                value = sorted(value)
            elif isinstance(value, tuple):
                value = list(value)
            out[field.name] = value
        return out

    @classmethod
    def from_message(cls, data: dict[str, Any]) -> Self:
        """The context that `to_message` wrote; unknown keys are left out, so that newer senders are understood."""
        known = {f.name for f in dataclasses.fields(cls)}
        values = {k: v for k, v in data.items() if k in known}
        values['roles'] = frozenset(values.get('roles', ()))
        for name in ('methods', 'audit_ids', 'reason'):
            values[name] = tuple(values.get(name, ()))
        request = values.setdefault('request_id', new_request_id())
        values.setdefault('global_request_id', request)
        return cls(**values)
