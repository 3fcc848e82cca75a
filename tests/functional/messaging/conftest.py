"""Fixtures: brokers of each kind, and a contract to try them with."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import pytest

from common.context import Context
from common.errors import Conflict, NotFound
from common.messaging import Broker, Contract, call, cast, fanout
from tests.brokers import broker_url, rabbitmq  # noqa: F401


class Desk(Contract, topic=f'desk.{uuid.uuid4().hex[:8]}'):
    """What the tests ask for."""

    @call(deadline=10)
    def add(self, a: int, b: int = 0) -> int: ...
    @call(deadline=10)
    def who(self) -> dict[str, Any]: ...
    @call(deadline=10)
    def fail(self, how: str) -> None: ...
    @call(deadline=0.3)
    def dawdle(self) -> None: ...
    @cast
    def note(self, number: int) -> None: ...
    @fanout
    def shout(self, text: str) -> None: ...


class Clerk:
    """Answers Desk."""

    def __init__(self) -> None:
        self.notes: list[int] = []
        self.heard: list[str] = []
        self.gate = threading.Event()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def add(self, ctx: Context, a: int, b: int = 0) -> int:
        return a + b

    def who(self, ctx: Context) -> dict[str, Any]:
        return {'user': ctx.user_id, 'request': ctx.request_id, 'chain': ctx.global_request_id, 'left': (ctx.deadline or 0) - time.time()}

    def fail(self, ctx: Context, how: str) -> Any:
        if how == 'missing':
            raise NotFound('desk', 'd1', admin_detail='in room 5')
        if how == 'locked':
            raise Conflict('It is locked.', details={'by': 'me'}, code='locked')
        if how == 'no json':
            return object()
        raise RuntimeError('the database password is hunter2')

    def dawdle(self, ctx: Context) -> None:
        self.gate.wait(5)

    def note(self, ctx: Context, number: int) -> None:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.002)
        with self._lock:
            self.at_once -= 1
            self.notes.append(number)

    def shout(self, ctx: Context, text: str) -> None:
        self.heard.append(text)


def eventually(condition, seconds=60.0):
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it did not come true in time'
        time.sleep(0.01)


@pytest.fixture
def brokers(broker_url):  # noqa: F811
    """Makes brokers of the same URL, as several processes would have them."""
    made = []

    def new(**options):
        made.append(Broker(broker_url, **options))
        return made[-1]

    yield new
    for broker in made:
        broker.close(1.0)


@pytest.fixture
def ctx():
    return Context(request_id='req-own', global_request_id='req-chain', user_id='u1', roles=frozenset({'admin'}))


@pytest.fixture
def host():
    """The name of a host that no other test uses."""
    return uuid.uuid4().hex[:12]
