"""Ways to prove who one is. A new one is a module here and an entry in METHODS.

A method is a function `prove(service, ctx, payload) -> Proof`. It raises Unauthorized, with nothing in the message that
tells which part was wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common.context import Context
from common.db.session import Session
from common.errors import Unauthorized
from common.tokens import Claims
from identity.db import projects as project_rows
from identity.records import DomainRef, UserRecord
from identity.service import IdentityService


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What a method found out.

    `parent` are the claims of the token that was shown: the new one keeps its chain and ends no later. `scope` replaces
    what the request asks for, which must then ask for none. `claims` are further fields of the token; `roles` limits the
    roles by name. The token ends no later than `expires_at`, in seconds since the epoch.
    """

    user: UserRecord
    domain: DomainRef
    parent: Claims | None = None
    scope: dict[str, Any] | None = None
    claims: dict[str, Any] = dataclasses.field(default_factory=dict)
    roles: frozenset[str] | None = None
    expires_at: float | None = None

    def limited_by(self, other: Proof) -> Proof:
        """What holds when both were shown: no more than either of them allows. Raises Unauthorized where they do not fit together."""
        if self.user.id != other.user.id:
            raise Unauthorized(admin_detail='the methods name different users')
        if self.scope and other.scope and self.scope != other.scope:
            raise Unauthorized(admin_detail='the methods are for different scopes')
        if any(other.claims.get(name, value) != value for name, value in self.claims.items()):
            raise Unauthorized(admin_detail='the methods restrict the token in different ways')
        roles = [proof.roles for proof in (self, other) if proof.roles is not None]
        ends = [proof.expires_at for proof in (self, other) if proof.expires_at is not None]
        return dataclasses.replace(
            self,
            parent=self.parent or other.parent,
            scope=self.scope or other.scope,
            roles=frozenset.intersection(*roles) if roles else None,
            claims=self.claims | other.claims,
            expires_at=min(ends, default=None),
        )


def living(service: IdentityService, session: Session, user_id: str) -> tuple[UserRecord, DomainRef]:
    """A user whom something other than the own secret proves, and the domain. Raises Unauthorized for one who is gone or disabled."""
    user = service.users.get_user(session, user_id)
    domain = project_rows.find_domain_ref(session, id=user.domain_id) if user else None
    if user is None or domain is None or not user.enabled or not domain.enabled:
        raise Unauthorized(admin_detail=f'user {user_id} is gone or disabled')
    return user, domain


Method = Callable[[IdentityService, Context, dict[str, Any]], Proof]
