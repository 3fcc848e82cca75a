"""The calling end of a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import timestamp
from common.context import Context
from common.ids import new_id
from common.messaging.contract import CALL, FANOUT, Contract, Method
from common.messaging.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.messaging.broker import Broker


def queue_of(topic: str, host: str | None) -> str:
    """The queue that servers of a topic listen on: of one host, or shared by all."""
    return f'{topic}.{host}' if host else topic


class Client:
    """Has the methods of a contract; each takes the context first and the rest by name.

    A call raises what the server raised (a class of `common.errors`), DeadlineExceeded or Unavailable. A cast that cannot be
    sent in a short time is dropped and logged: what it announces is in the database, and is found by the next sweep.
    """

    def __init__(self, broker: Broker, contract: type[Contract], host: str | None) -> None:
        self._broker, self._contract, self._host = broker, contract, host

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('_'):
            raise AttributeError(name)
        method = self._contract.method(name)

        def ask(ctx: Context, *, timeout: float | None = None, **arguments: Any) -> Any:
            return self._send(method, ctx, timeout, arguments)

        setattr(self, name, ask)
        return ask

    def _send(self, method: Method, ctx: Context, timeout: float | None, arguments: dict[str, Any]) -> Any:
        method.check(self._contract.topic, arguments)
        deadline = timestamp() + (timeout or method.deadline)
        if method.kind == CALL and ctx.deadline is not None:
            deadline = min(deadline, ctx.deadline)
        envelope = Envelope(
            topic=self._contract.topic,
            revision=self._contract.revision,
            method=method.name,
            arguments=arguments,
            context=ctx.to_message(),
            message_id=new_id(),
            deadline=deadline,
        )
        if method.kind == CALL:
            return self._broker.ask(envelope, queue_of(self._contract.topic, self._host))
        if method.kind == FANOUT:
            self._broker.tell(envelope, None)
        else:
            self._broker.tell(envelope, queue_of(self._contract.topic, self._host))
        return None
