"""Threads that run operations: fed by the bell, by timers and by the sweeper."""

from __future__ import annotations

import datetime
import heapq
import logging
import queue
import random
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from common import clock
from common.errors import PileusError, Superseded, Unavailable
from common.operations import lease, sweeper
from common.operations.definition import SERVICE
from common.operations.drive import Drive, describe
from common.operations.record import SUPERSEDED
from common.operations.run import LeaseLost
from common.operations.service import LocalBell

if TYPE_CHECKING:
    from common.operations.service import Operations

LOG = logging.getLogger(__name__)
GRACE = 60.0
"""Seconds past a step's deadline after which its lease is no longer renewed, so that somebody else can take it back."""
PRUNE_EVERY = 3600.0
KEEP_DAYS = 90
QUEUE_LIMIT = 10_000


class Runner:
    """Runs the operations of one or more locations with a bounded number of threads.

    `at`: a location (`SERVICE`, `host_location('h1')`) whose steps see `world` as `run.world`; or a mapping of locations to worlds.
    One runner for several locations runs consecutive steps of different places without a pause between them.
    """

    def __init__(
        self,
        ops: Operations,
        *,
        at: str | Mapping[str, Any] = SERVICE,
        world: Any = None,
        workers: int = 8,
        sweep_every: float = lease.TICK,
        keep_days: int = KEEP_DAYS,
    ) -> None:
        self.ops = ops
        self.worlds: dict[str, Any] = {at: world} if isinstance(at, str) else dict(at)
        self.workers = workers
        self.sweep_every = sweep_every
        self.keep_days = keep_days
        self.owner = ''
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._lock = threading.Lock()
        self._queued: set[str] = set()
        self._running: dict[str, Drive] = {}
        self._again: set[str] = set()
        self._timers: list[tuple[float, str]] = []
        self._tick = threading.Event()
        self._look_at_running = False
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._next_sweep = 0.0
        self._next_prune = clock.monotonic() + PRUNE_EVERY * random.random()
        self.periodic: list[Callable[[], Any]] = []
        """Called once per sweep, for example the guard of transitional states."""

    # -- life

    def start(self) -> None:
        """Start the threads; the first sweep picks up what a predecessor left."""
        if self._threads:
            raise RuntimeError('the runner was started already')
        self.owner = lease.new_owner()
        self._stopping.clear()
        if isinstance(self.ops.bell, LocalBell):
            for location in self.worlds:
                self.ops.bell.register(location, self.wake)
        self._threads = [threading.Thread(target=self._keep_time, name='operations-sweeper', daemon=True)]
        self._threads += [self._thread(number) for number in range(self.workers)]
        for thread in self._threads:
            thread.start()

    def _thread(self, number: int) -> threading.Thread:
        return threading.Thread(target=self._work, name=f'operations-{number}', daemon=True)

    @property
    def is_started(self) -> bool:
        """Whether it runs."""
        return bool(self._threads)

    def stop(self, drain: float = 10.0) -> bool:
        """Take no new work, let steps in hand end for up to `drain` seconds and hand their operations back; whether all ended."""
        if isinstance(self.ops.bell, LocalBell):
            for location in self.worlds:
                self.ops.bell.unregister(location)
        self._stopping.set()
        self._tick.set()
        for _ in range(self.workers):
            self._queue.put(None)
        end = clock.monotonic() + drain
        for thread in self._threads:
            thread.join(max(0.0, end - clock.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended:
            lease.retire(self.owner)
        self._threads = []
        return ended

    def wake(self, operation_id: str) -> None:
        """There may be something to do for this operation. Cheap, never blocks."""
        with self._lock:
            if operation_id in self._running:
                self._again.add(operation_id)
                self._look_at_running = True
                self._tick.set()
                return
            if operation_id in self._queued or len(self._queued) >= QUEUE_LIMIT:
                return
            self._queued.add(operation_id)
        self._queue.put(operation_id)

    def take_on(self, worlds: Mapping[str, Any], workers: int) -> None:
        """Work for more locations from now on, with so many more threads."""
        self.worlds = {**self.worlds, **worlds}
        more = [self._thread(number) for number in range(self.workers, self.workers + workers)]
        self.workers += workers
        if self.is_started:
            if isinstance(self.ops.bell, LocalBell):
                for location in worlds:
                    self.ops.bell.register(location, self.wake)
            self._threads += more
            for thread in more:
                thread.start()
        self._next_sweep = 0.0
        self._tick.set()

    @property
    def busy(self) -> int:
        """How many operations are queued or in hand."""
        return len(self._queued) + len(self._running)

    # -- work

    def _work(self) -> None:
        while not self._stopping.is_set():
            operation_id = self._queue.get()
            if operation_id is not None and not self._stopping.is_set():
                self._drive(operation_id)

    def _drive(self, operation_id: str) -> None:
        drive = Drive(self.ops, self.owner, self.worlds, self._stopping.is_set, self._later)
        with self._lock:
            self._queued.discard(operation_id)
            if operation_id in self._running:
                self._again.add(operation_id)
                return
            self._running[operation_id] = drive
        try:
            if drive.claim(operation_id):
                drive.go()
        except Unavailable as error:
            LOG.warning('operation %s will be tried again: %s (%s)', operation_id, error.message, error.admin_detail)
            self._later(operation_id, self.sweep_every)
        except Exception:
            LOG.exception('operation %s was dropped; its lease will run out and it will be taken up again', operation_id)
            self._guarded(lambda: self.ops.store.flag(operation_id))
        finally:
            with self._lock:
                del self._running[operation_id]
                again = operation_id in self._again
                self._again.discard(operation_id)
        if again:
            self.wake(operation_id)

    def _later(self, operation_id: str, pause: float) -> None:
        with self._lock:
            heapq.heappush(self._timers, (clock.monotonic() + pause, operation_id))
            first = self._timers[0][1] == operation_id
        if first:
            self._tick.set()

    # -- time

    def _keep_time(self) -> None:
        while not self._stopping.is_set():
            if clock.monotonic() >= self._next_sweep:
                self._next_sweep = clock.monotonic() + self.sweep_every * random.uniform(0.8, 1.2)
                self._guarded(self._sweep)
            elif self._look_at_running:
                self._guarded(self._watch)
            until = self._due_timers(self._next_sweep)
            self._tick.wait(max(0.0, until - clock.monotonic()))
            self._tick.clear()
        self._watch_until_drained()

    def _watch_until_drained(self) -> None:
        while self._running and any(thread.is_alive() for thread in self._threads[1:]):
            self._tick.wait(0.2)
            self._tick.clear()
            self._guarded(self._watch)

    def _guarded(self, fn: Callable[[], Any]) -> None:
        try:
            fn()
        except PileusError as error:
            LOG.warning('the care for operations will be tried again: %s (%s)', error.message, error.admin_detail)
        except Exception:
            LOG.exception('the care for operations met an unexpected error and will be tried again')

    def _due_timers(self, until: float) -> float:
        due: list[str] = []
        with self._lock:
            now = clock.monotonic()
            while self._timers and self._timers[0][0] <= now:
                due.append(heapq.heappop(self._timers)[1])
            if self._timers:
                until = min(until, self._timers[0][0])
        for operation_id in due:
            self.wake(operation_id)
        return until

    def _sweep(self) -> None:
        self._watch()
        for operation_id in sweeper.find_due(self.ops, list(self.worlds)):
            self.wake(operation_id)
        if SERVICE in self.worlds:
            sweeper.fail_overdue(self.ops)
            sweeper.tell_stalled(self.ops)
            if clock.monotonic() > self._next_prune:
                self._next_prune = clock.monotonic() + PRUNE_EVERY
                self.ops.store.prune(clock.now() - datetime.timedelta(days=self.keep_days))
        for fn in self.periodic:
            fn()

    def _watch(self) -> None:
        """Renew the leases of what is in hand, and tell steps that they were overtaken or lost."""
        self._look_at_running = False
        with self._lock:
            drives = {id_: drive for id_, drive in self._running.items() if drive.run is not None}
        if not drives:
            return
        states = self.ops.store.states(list(drives))
        keep: list[str] = []
        for operation_id, drive in drives.items():
            run, record = drive.run, drive.record
            if run is None:
                continue
            state, generation = states.get(operation_id, ('', -1))
            if generation > record.generation or generation == -1:
                run.stop(LeaseLost(f'Operation {operation_id} belongs to another process.'))
                continue
            if state == SUPERSEDED and record.state != SUPERSEDED:
                run.stop(Superseded(f'Operation {record.kind} was overtaken by another one.'))
            if run.deadline is not None and clock.timestamp() > run.deadline + GRACE:
                LOG.error('%s ignores its deadline; its lease is not renewed', describe(record))
                continue
            if record.lease_until is not None and record.lease_until - clock.now() < datetime.timedelta(seconds=lease.LEASE * 0.67):
                keep.append(operation_id)
        if keep:
            until = clock.now() + datetime.timedelta(seconds=lease.LEASE)
            self.ops.store.renew(self.owner, keep, until)
            for operation_id in keep:
                drives[operation_id].record.lease_until = until
