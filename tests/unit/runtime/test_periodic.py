"""Periodic work and drivers of threads."""

from __future__ import annotations

import threading

from common.errors import Unavailable
from common.service.heartbeat import Periodic


def test_it_is_done_at_once_and_when_poked():
    done = threading.Semaphore(0)
    periodic = Periodic('x', done.release, 3600)
    periodic.start()
    assert done.acquire(timeout=5)
    assert not done.acquire(timeout=0.05)
    periodic.poke()
    assert done.acquire(timeout=5)
    periodic.stop()
    assert not periodic._thread.is_alive()


def test_it_may_wait_for_its_first_turn():
    done = threading.Semaphore(0)
    periodic = Periodic('x', done.release, 3600, at_once=False)
    periodic.start()
    assert not done.acquire(timeout=0.05)
    periodic.stop()
    assert not done.acquire(timeout=0.05)


def test_a_failure_is_kept_for_health_checks_and_does_not_end_it():
    turns, done = [], threading.Semaphore(0)

    def work():
        turns.append(1)
        try:
            if len(turns) == 1:
                raise Unavailable('The database is away.')
            if len(turns) == 2:
                raise ZeroDivisionError('oops')
        finally:
            done.release()

    periodic = Periodic('x', work, 3600)
    periodic.start()
    seen = []
    for _ in range(3):
        assert done.acquire(timeout=5)
        end = threading.Event()
        end.wait(0.05)  # until the outcome is noted
        seen.append(periodic.last_error)
        periodic.poke()
    assert seen == ['The database is away.', 'oops', None]
    periodic.stop()


def test_stopping_what_never_started():
    Periodic('x', print, 1).stop()
