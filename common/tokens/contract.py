"""The message that tells every process which tokens are void from now on."""

from __future__ import annotations

from typing import Any

from common.context import Context
from common.messaging.contract import Contract, fanout
from common.tokens.feed import take_in
from common.tokens.revocations import Revocations


class TokenNews(Contract, topic='token-news'):
    """What identity announces to all processes that check tokens. A lost message is made good by the next poll."""

    @fanout
    def revoked(self, events: list[dict[str, Any]]) -> None:
        """Revocation events as `Revocation.to_message` writes them."""


class TokenNewsListener:
    """Takes announced events into a process's Revocations: serve TokenNews with it."""

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations

    def revoked(self, ctx: Context, events: list[dict[str, Any]]) -> None:
        """See TokenNews."""
        take_in(self._revocations, events)
