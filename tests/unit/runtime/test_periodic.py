"""Periodic work and drivers of threads."""

from __future__ import annotations

import threading
import time

from common.errors import Unavailable
from common.service.heartbeat import Periodic


def test_it_is_done_at_once_and_when_poked():
    done = threading.Semaphore(0)
    periodic = Periodic('x', done.release, 3600)
    periodic.start()
    assert done.acquire(timeout=60)
    assert not done.acquire(timeout=0.05)
    periodic.poke()
    assert done.acquire(timeout=60)
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
    for outcome in ('The database is away.', 'oops', None):
        assert done.acquire(timeout=60)
        end = time.monotonic() + 60
        while periodic.last_error != outcome and time.monotonic() < end:  # it is noted after the work
            time.sleep(0.001)
        assert periodic.last_error == outcome
        periodic.poke()
    periodic.stop()


def test_stopping_what_never_started():
    Periodic('x', print, 1).stop()
