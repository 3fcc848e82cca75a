"""Timing of one operation: wall time as seen by clients, and CPU time of all processes of the cloud."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import threading
import time
from collections.abc import Callable, Iterable

_TICKS = os.sysconf('SC_CLK_TCK')


@dataclasses.dataclass(frozen=True)
class Result:
    """What a row of the table shows. Times in milliseconds; `rate` in operations a second."""

    name: str
    clients: int
    count: int
    median: float
    p95: float
    rate: float
    cpu: float

    def line(self) -> str:
        """One row as text."""
        return f'{self.name:46s} c{self.clients:<2d} n={self.count:<5d} median {self.median:9.2f} ms  p95 {self.p95:9.2f} ms  {self.rate:9.1f}/s  CPU {self.cpu:8.2f} ms'


def descendants(pids: Iterable[int]) -> set[int]:
    """The processes and all their children."""
    parents: dict[int, int] = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = set(pids)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time used so far by the processes and those of their children that have ended."""
    total = 0
    for pid in descendants(pids):
        try:
            fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / _TICKS


def pss_mib(pids: Iterable[int]) -> float:
    """Proportional set size of the processes and their children, in MiB."""
    total = 0
    for pid in descendants(pids):
        try:
            text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith('Pss:'))
    return total / 1024


def run(name: str, operation: Callable[[int], object], *, clients: int, count: int, pids: Iterable[int]) -> Result:
    """Do an operation `count` times from `clients` threads; the first exception of any ends the run."""
    times: list[float] = []
    errors: list[BaseException] = []
    lock = threading.Lock()
    numbers = iter(range(count))

    def work() -> None:
        while not errors:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            began = time.perf_counter()
            try:
                operation(number)
            except BaseException as error:
                errors.append(error)
                return
            took = time.perf_counter() - began
            with lock:
                times.append(took)

    pids = list(pids)
    cpu = cpu_seconds(pids)
    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    if errors:
        raise errors[0]
    used = cpu_seconds(pids) - cpu
    times.sort()
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    return Result(name, clients, count, statistics.median(times) * 1e3, p95 * 1e3, count / wall, used / count * 1e3)
