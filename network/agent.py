"""The network agent of a host: fetch what the host should look like, make it so, say how it went; for ever.

Level-triggered: each pass starts from what is there, so it does not matter what was missed, who was killed or what
somebody changed by hand. A message only makes the next pass come sooner. While the service cannot be reached, the last
state it gave goes on being kept up.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import clock
from common.errors import PileusError, Unavailable
from network.apply.reconcile import Outcome, Reconciler
from network.desired.model import HostNetwork, from_message, to_message
from network.metadata_forward import Forwarder, Owners

LOG = logging.getLogger(__name__)
CLAIM = 'pileus-network-agent'


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What the service hears of a pass. `ports`: port id -> ACTIVE or DOWN. `revision` is that of the applied state."""

    revision: int
    ports: dict[str, str]
    problems: list[str]
    seconds: float
    changes: int

    @property
    def heartbeat(self) -> dict[str, Any]:
        """What operators see of the agent besides the ports."""
        return {'problems': self.problems[:20], 'pass_seconds': round(self.seconds, 3), 'changes': self.changes}


Fetch = Callable[[int | None], dict[str, Any] | None]
Send = Callable[[Report], None]


class Agent:
    """Runs passes on a thread of its own.

    `fetch(known revision)` gives the desired state as JSON-ready values, or None when it is still the known one.
    `send` tells the service. `interval`: seconds after which everything is looked at again, unasked. `claim`: the name that one
    agent at a time holds in the host's network namespace.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        fetch: Fetch,
        send: Send,
        *,
        interval: float = 30.0,
        forwarder: Forwarder | None = None,
        host: str = '',
        claim: str = CLAIM,
    ) -> None:
        self.reconciler = reconciler
        self.state: HostNetwork | None = None
        self.last: Outcome | None = None
        self._host = host
        self._fetch = fetch
        self._send = send
        self._interval = interval
        self._forwarder = forwarder
        self._copy = reconciler.host.state_dir / 'desired.json'
        self._wake = threading.Event()
        self._stopping = False
        self._full_at = 0.0
        self._thread: threading.Thread | None = None
        self._claim: socket.socket | None = None
        self._claim_name = claim

    def start(self) -> None:
        """Begin; the first pass comes at once."""
        if self.reconciler.proxy is not None:
            self.reconciler.proxy.start()
        self._thread = threading.Thread(target=self._run, name='network-agent', daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """End after the pass in hand. What was made stays: guests go on."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if self.reconciler.proxy is not None:
            self.reconciler.proxy.stop()
        self.release()

    def release(self) -> None:
        """Let another agent work on this host."""
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def wake(self) -> None:
        """Something has changed: have a pass soon."""
        self._wake.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping:
            self._wake.wait(pause)
            self._wake.clear()
            if self._stopping:
                return
            try:
                self.once()
                pause = self._interval
            except Exception as error:
                # Whatever it is, the next pass may well succeed, and a host without an agent would never be repaired.
                detail = getattr(error, 'admin_detail', None)
                LOG.exception('a pass of the network agent failed: %s', detail or error)
                pause = min(max(pause, 0.5) * 2, self._interval) if pause < self._interval else 1.0

    def once(self) -> Outcome | None:
        """One pass. None when no state was ever known. Raises what keeps the host as a whole from being made."""
        self._claim_host()
        self._refresh()
        if self.state is None:
            return None
        now = clock.monotonic()
        full = now >= self._full_at
        try:
            outcome = self.reconciler.apply(self.state, full=full)
        except PileusError as error:
            # Ports that could not be looked at keep the status that the service knows; the reason is told all the same.
            self._report(Outcome([], [error.admin_detail or error.message], {}, clock.monotonic() - now))
            raise
        if full:
            self._full_at = now + self._interval * 0.9
        self.last = outcome
        self._report(outcome)
        return outcome

    def _claim_host(self) -> None:
        """See that no other agent works here. The name is one of the network namespace and is freed when this process ends."""
        if self._claim is not None:
            return
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f'\0{self._claim_name}')
        except OSError as error:
            claim.close()
            raise Unavailable('Another network agent works on this host.') from error
        self._claim = claim

    def _refresh(self) -> None:
        """Get the newest state, or go on with the one that is known."""
        try:
            fetched = self._fetch(self.state.revision if self.state else None)
        except PileusError as error:
            LOG.warning('the network service cannot be asked, going on with what is known: %s', error.message)
            fetched = self._from_copy() if self.state is None else None
        if fetched is None:
            return
        self.state = from_message(fetched)
        if self._host and self.state.host != self._host:
            raise PileusError(f'The state is that of host {self.state.host!r}, not of {self._host!r}.')
        if self._forwarder is not None:
            self._forwarder.owners = Owners(self.state)
        self.reconciler.host.keep(self._copy, json.dumps(fetched))

    def _from_copy(self) -> dict[str, Any] | None:
        try:
            return json.loads(self._copy.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _report(self, outcome: Outcome) -> None:
        revision = self.state.revision if self.state else 0
        try:
            self._send(Report(revision, outcome.ports, outcome.problems, outcome.seconds, len(outcome.changes)))
        except PileusError as error:
            LOG.warning('the network service cannot be told, the next pass tells it: %s', error.message)


def from_file(path: Path) -> Fetch:
    """A `fetch` that reads the desired state from a JSON file, for an agent without a service."""

    def fetch(known: int | None) -> dict[str, Any] | None:
        try:
            state = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise PileusError(f'{path} does not hold a desired state: {error}') from error
        return state

    return fetch


def as_json(state: HostNetwork) -> str:
    """A state as such a file holds it."""
    return json.dumps(to_message(state), indent=1)
