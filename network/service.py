"""The network service as its handlers see it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from common import clock
from common.context import Context
from network import changes
from network.conf import NetworkOptions
from network.db import hosts, transactions
from network.rpc import NetworkAgent, PortEvents
from network.segments import Segments
from network.work import Work

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.db import Database
    from common.messaging import Broker
    from common.policy import Policy
    from common.quota import Quotas

T = TypeVar('T')
_ALIVE_FOR, _NEWCOMERS_AFTER = 2.0, 0.25


@dataclasses.dataclass
class NetworkService:
    """What a handler of the API needs. `db` is only used through `read` and `write`."""

    options: NetworkOptions
    db: Database
    policy: Policy
    quotas: Quotas
    broker: Broker | None = None

    def __post_init__(self) -> None:
        self.segments = Segments.of(self.options)
        self.simulated = self.options.driver == 'simulated'
        self._alive: tuple[float, frozenset[str]] = (float('-inf'), frozenset())
        self._alive_lock = threading.Lock()

    def read(self, ctx: Context, fn: Callable[[Work], T]) -> T:
        """`fn` with a view of the database."""
        with self.db.read() as session:
            return fn(Work(self, ctx, session))

    def write(self, ctx: Context, fn: Callable[[Work], T]) -> T:
        """`fn` in one transaction; it is run again where it collided with another, and must change nothing but the database."""

        def run(session: Session) -> T:
            work = Work(self, ctx, session)
            result = fn(work)
            changes.settle(work)
            return result

        return transactions.write(self.db, run)

    # -- agents

    def is_alive(self, agent: Any) -> bool:
        """Whether an agent was heard of lately."""
        return bool((clock.now() - agent.heartbeat_at).total_seconds() <= self.options.agent_down_after)

    def alive_hosts(self, no_older_than: float = _ALIVE_FOR) -> frozenset[str]:
        """Hosts whose agent was heard of lately; known from so many seconds ago at most."""
        with self._alive_lock:
            asked, found = self._alive
            if clock.monotonic() - asked > no_older_than:
                with self.db.read() as session:
                    found = frozenset(agent.host for agent in hosts.all_agents(session) if self.is_alive(agent))
                self._alive = clock.monotonic(), found
        return found

    def agents_changed(self) -> None:
        """An agent came or went: look again at the next question."""
        self._alive = float('-inf'), frozenset()

    def ring(self, ctx: Context, named: Iterable[str]) -> None:
        """Tell the agents of hosts that there is something to do. Silent ones find out by themselves when they return."""
        if self.broker is None:
            return
        wanted = set(named)
        alive = self.alive_hosts()
        if not wanted <= alive:
            alive = self.alive_hosts(_NEWCOMERS_AFTER)
        for host in sorted(wanted & alive):
            self.broker.client(NetworkAgent, host=host).refresh(ctx)

    def announce(self, ctx: Context, *, active: Iterable[tuple[str, str]] = (), addresses: Iterable[tuple[str, str]] = ()) -> None:
        """Tell whoever listens that ports are wired, or that their addresses or groups changed."""
        if self.broker is None:
            return
        events = self.broker.client(PortEvents)
        for port, device in sorted(active):
            events.port_active(ctx, port=port, device=device)
        for port, device in sorted(addresses):
            events.addresses_changed(ctx, port=port, device=device)
