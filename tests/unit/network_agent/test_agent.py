"""The agent's loop: fetch, apply, report; and what it does when one of them fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import PileusError, Unavailable
from network.agent import Agent, Report, from_file
from network.apply.host import Host
from network.apply.reconcile import Outcome
from network.desired.model import HostNetwork, Network, to_message
from network.metadata_forward import Forwarder


class Hands:
    """Stands for the reconciler, which has its own tests on a real kernel: remembers what it was told to apply."""

    def __init__(self, folder: Path) -> None:
        self.host = Host(folder)
        self.proxy = None
        self.applied: list[tuple[HostNetwork, bool]] = []
        self.error: Exception | None = None
        self.called = threading.Semaphore(0)

    def apply(self, state: HostNetwork, *, full: bool) -> Outcome:
        self.applied.append((state, full))
        self.called.release()
        if self.error:
            raise self.error
        return Outcome(['x'], ['p'], {'port': 'ACTIVE'}, 0.1)


class Service:
    """Stands for the other end of the broker."""

    def __init__(self) -> None:
        self.state: HostNetwork | None = HostNetwork('h1', 1)
        self.asked: list[int | None] = []
        self.reports: list[Report] = []
        self.down = False

    def fetch(self, known: int | None) -> dict[str, Any] | None:
        self.asked.append(known)
        if self.down:
            raise Unavailable()
        return None if self.state is None or known == self.state.revision else to_message(self.state)

    def send(self, report: Report) -> None:
        if self.down:
            raise Unavailable()
        self.reports.append(report)


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    return Hands(tmp_path)


MADE: list[Agent] = []
CLAIM = f'pileus-test-{os.getpid()}'  # a cloud may be running on this machine


def agent(hands: Hands, service: Service, **more: Any) -> Agent:
    """A new agent; the one before it is as if killed."""
    for former in MADE:
        former.release()
    MADE.append(Agent(hands, service.fetch, service.send, **{'host': 'h1', 'claim': CLAIM, **more}))  # type: ignore[arg-type]
    return MADE[-1]


@pytest.fixture(autouse=True)
def free_host() -> Iterator[None]:
    yield
    for made in MADE:
        made.release()
    MADE.clear()


def test_pass_and_report(hands: Hands) -> None:
    service = Service()
    made = agent(hands, service)
    made.once()
    assert hands.applied == [(HostNetwork('h1', 1), True)]
    assert service.reports[0].ports == {'port': 'ACTIVE'} and service.reports[0].revision == 1
    assert service.reports[0].heartbeat['problems'] == ['p']


def test_unchanged_state_is_applied_again_and_not_sent_again(hands: Hands) -> None:
    service = Service()
    made = agent(hands, service)
    made.once()
    made.once()
    assert service.asked == [None, 1] and [full for _, full in hands.applied] == [True, False]
    always = agent(hands, service, interval=0.0)
    always.once()
    always.once()
    assert [full for _, full in hands.applied[2:]] == [True, True]


def test_service_away_the_known_state_is_kept_up(hands: Hands) -> None:
    service = Service()
    made = agent(hands, service)
    made.once()
    service.down = True
    assert made.once() is not None
    assert len(hands.applied) == 2
    restarted = agent(hands, service)
    restarted.once()
    assert hands.applied[2][0] == HostNetwork('h1', 1)


def test_nothing_known_nothing_touched(hands: Hands) -> None:
    service = Service()
    service.down = True
    assert agent(hands, service).once() is None and hands.applied == []


def test_state_of_another_host_is_not_applied(hands: Hands) -> None:
    service = Service()
    service.state = HostNetwork('h2', 1)
    with pytest.raises(PileusError):
        agent(hands, service).once()
    assert hands.applied == []


def test_metadata_owners_follow_the_state(hands: Hands) -> None:
    from network.desired.model import Dhcp, Guest

    service = Service()
    service.state = HostNetwork(
        'h1', 1, networks=(Network('n', 'local', guests=(Guest('10.0.0.5', 'vm', 'p'),)),), dhcp=(Dhcp('n', 'd', 'm'),)
    )
    forwarder = Forwarder('http://127.0.0.1:1', b'')
    agent(hands, service, forwarder=forwarder).once()
    assert forwarder.owners.find(('network', 'n'), '10.0.0.5') is not None


def test_runs_at_once_when_woken_and_after_a_failure(hands: Hands) -> None:
    service = Service()
    made = agent(hands, service, interval=3600.0)
    made.start()
    assert hands.called.acquire(timeout=60)
    made.wake()
    assert hands.called.acquire(timeout=60)
    hands.error = OSError('no')
    made.wake()
    assert hands.called.acquire(timeout=60)
    hands.error = None
    assert hands.called.acquire(timeout=60), 'after a failure it tries again soon by itself'
    made.stop(5)


def test_file_in_place_of_a_service(hands: Hands, tmp_path: Path) -> None:
    file = tmp_path / 'state.json'
    with pytest.raises(PileusError):
        from_file(file)(None)
    file.write_text('{"host": "h1", "revision": 3}')
    assert from_file(file)(3) == {'host': 'h1', 'revision': 3}


def test_second_agent_keeps_its_hands_off(hands: Hands) -> None:
    service = Service()
    first = agent(hands, service)
    first.once()
    second = Agent(hands, service.fetch, service.send, claim=CLAIM)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        second.once()
    assert len(hands.applied) == 1
    first.release()
    second.once()
    second.release()
    assert len(hands.applied) == 2


def test_service_hears_why_a_pass_failed(hands: Hands) -> None:
    service = Service()
    hands.error = Unavailable(admin_detail='ebtables-save is not installed')
    with pytest.raises(Unavailable):
        agent(hands, service).once()
    assert service.reports[0].problems == ['ebtables-save is not installed'] and service.reports[0].ports == {}
