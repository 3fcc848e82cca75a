"""What runs: processes, APIs, and the hosts that the services know."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
from typing import Any

from common.config import EndpointOptions, ServiceOptions
from common.errors import PileusError
from pileus import settings as state_files
from pileus.apis import Apis
from pileus.daemons import Daemons
from pileus.up import PROGRAM, answers


@dataclasses.dataclass(frozen=True)
class Status:
    """`processes`: (name, process id, MiB of memory). `apis`: (service, URL, whether it is well). `hosts`: (kind, host, zone,
    state, enabled). `problem`: why hosts could not be asked for, if so."""

    processes: list[tuple[str, int, float]]
    apis: list[tuple[str, str, bool]]
    hosts: list[tuple[str, str, str, str, bool]]
    problem: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether everything that should run does."""
        return (
            bool(self.apis)
            and all(well for _, _, well in self.apis)
            and self.problem is None
            and all(state == 'up' for _, _, _, state, _ in self.hosts)
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'well': self.is_well,
            'processes': [dict(zip(('name', 'pid', 'memory_mib'), row, strict=True)) for row in self.processes],
            'apis': [dict(zip(('service', 'url', 'well'), row, strict=True)) for row in self.apis],
            'hosts': [dict(zip(('kind', 'host', 'zone', 'state', 'enabled'), row, strict=True)) for row in self.hosts],
            'problem': self.problem,
        }


def of_state(state: pathlib.Path, apis: Apis) -> Status:
    """The status of the cloud in a state folder. Raises ConfigError when there is none."""
    settings = state_files.load(state)
    services = settings.get(ServiceOptions).services
    endpoints = dataclasses.asdict(settings.get(EndpointOptions))  # type: ignore[call-overload]
    rows = [(name, url, answers(url)) for name, url in endpoints.items() if not services or name in services]
    hosts, problem = [], None
    if any(well for name, _, well in rows if name == 'identity'):
        hosts, problem = hosts_of(apis)
    return Status(processes(state), rows, hosts, problem)


def processes(state: pathlib.Path) -> list[tuple[str, int, float]]:
    """Our processes and those started for us that live."""
    daemons = Daemons(state)
    pids = {name: int(entry['pid']) for name, entry in daemons.entries().items() if daemons.running(name)}
    rows = []
    for name, pid in pids.items():
        own = children(state) if name == PROGRAM else {}
        rows.append((name, pid, memory(pid) if own else sum(memory(one) for one in _with_children(pid))))
        rows += [(f'{PROGRAM}: {child}', number, memory(number)) for child, number in own.items() if number != pid]
    return rows


def _with_children(pid: int) -> set[int]:
    """A process and its descendants: RabbitMQ, for one, is started by a script that waits for it."""
    parents: dict[int, int] = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def children(state: pathlib.Path) -> dict[str, int]:
    """Process ids by name, where services are processes of their own."""
    try:
        found = json.loads((state / 'run' / 'processes.json').read_text())
    except FileNotFoundError:
        return {}
    return {name: pid for name, pid in found.items() if pathlib.Path(f'/proc/{pid}').exists()}


def memory(pid: int) -> float:
    """Proportional memory of a process in MiB, or its resident memory where the kernel does not say; 0 when it is gone."""
    try:
        lines = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith('Pss:')) / 1024
    except PermissionError:
        pages = int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 2**20
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def hosts_of(apis: Apis) -> tuple[list[tuple[str, str, str, str, bool]], str | None]:
    """Workers and agents as the services see them, and why some could not be asked for."""
    try:
        apis.connect()
    except PileusError as error:
        return [], error.message
    answers_ = apis.each(
        lambda service: _hosts(apis, service), [name for name in ('compute', 'volume', 'network') if name in apis.services]
    )
    hosts = [row for answer in answers_.values() if not isinstance(answer, PileusError) for row in answer]
    problems = [f'{service}: {answer.message}' for service, answer in answers_.items() if isinstance(answer, PileusError)]
    return hosts, '; '.join(problems) or None


def _hosts(apis: Apis, service: str) -> list[tuple[str, str, str, str, bool]]:
    if service == 'network':
        return [
            (
                'network agent',
                agent['host'],
                agent.get('availability_zone') or '',
                'up' if agent['alive'] else 'down',
                agent['admin_state_up'],
            )
            for agent in apis.get('network', '/v2.0/agents', below_root=True)['agents']
        ]
    return [
        (f'{service} worker', entry['host'], entry.get('zone') or '', entry['state'], entry['status'] == 'enabled')
        for entry in apis.get(service, '/os-services')['services']
    ]
