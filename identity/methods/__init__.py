"""Ways to prove who one is. A new one is a module here and an entry in METHODS.

A method is a function `prove(service, ctx, payload) -> Proof`. It raises Unauthorized, with nothing in the message that
tells which part was wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common.context import Context
from common.tokens import Claims
from identity.records import DomainRef, UserRecord
from identity.service import IdentityService


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What a method found out.

    `parent` are the claims of the token that was shown: the new one keeps its chain and ends no later. `scope` replaces
    what the request asks for. `claims` are further fields of the token; `roles` limits the roles by name.
    """

    user: UserRecord
    domain: DomainRef
    parent: Claims | None = None
    scope: dict[str, Any] | None = None
    claims: dict[str, Any] = dataclasses.field(default_factory=dict)
    roles: frozenset[str] | None = None


Method = Callable[[IdentityService, Context, dict[str, Any]], Proof]
