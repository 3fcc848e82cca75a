"""Messages that were given up: delivered too often to readers that died, or not to be understood."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import kombu

from common.errors import Unavailable

if TYPE_CHECKING:
    from common.messaging.broker import Broker

NAME = 'pileus.dead'
_MOST = 10_000


def declare_dead(channel: Any) -> kombu.Queue:
    """The exchange and queue of dead letters, made where they are missing."""
    dead = kombu.Queue(
        NAME, kombu.Exchange(NAME, 'fanout', durable=True), durable=True, queue_arguments={'x-queue-type': 'quorum', 'x-max-length': _MOST}
    )(channel)
    dead.declare()
    return dead


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    """What was given up: its queue, why (`delivery_limit`, `rejected`, ...), and what it asked for, if that can be read."""

    queue: str
    reason: str
    method: str
    request_id: str


class DeadLetters:
    """Looks into the queue of dead letters. In memory there are none: such messages are only logged."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def count(self) -> int:
        """How many there are. Raises Unavailable."""
        return int(self._with_channel(lambda channel: declare_dead(channel).queue_declare(passive=True)[1], 0))

    def list(self, most: int = 20) -> list[DeadLetter]:
        """The oldest ones; they stay where they are. Raises Unavailable."""

        def look(channel: Any) -> list[DeadLetter]:
            found, held = [], []
            for _ in range(most):
                message = channel.basic_get(NAME, no_ack=False)
                if message is None:
                    break
                held.append(message)
                found.append(_read(message))
            for message in held:
                channel.basic_reject(message.delivery_tag, requeue=True)
            return found

        return list(self._with_channel(look, ()))

    def purge(self) -> int:
        """Throw them away; how many there were. Raises Unavailable."""
        return int(self._with_channel(lambda channel: declare_dead(channel).purge(), 0))

    def _with_channel(self, function: Callable[[Any], Any], nothing: Any) -> Any:
        if self._broker.in_memory:
            return nothing
        try:
            with self._broker.connect(heartbeat=0) as connection:
                connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
                return function(connection.channel())
        except (OSError, kombu.exceptions.KombuError) as error:
            raise Unavailable('The message broker does not answer now.', admin_detail=str(error)[:300]) from error


def _read(message: Any) -> DeadLetter:
    deaths = (message.headers or {}).get('x-death') or [{}]
    try:
        body = json.loads(message.body)
        method, request = f'{body["topic"]}.{body["method"]}', body['context'].get('request_id', '')
    except (ValueError, KeyError, TypeError, AttributeError):
        method, request = 'unreadable', ''
    return DeadLetter(str(deaths[0].get('queue', '')), str(deaths[0].get('reason', '')), method, request)
