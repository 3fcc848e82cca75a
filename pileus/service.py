"""Running parts of services as processes.

pileus-service compute worker            one part in this process
pileus-service network api --processes 4 an API in several processes on one port
pileus-service network                   all parts of a service in this process
pileus-service all                       the embedded deployment: everything in this process
pileus-service every --prepare           a process for each part of each service, kept alive by this one
pileus-service image:api image:conductor those parts, a process each
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from common.service import concurrency

if TYPE_CHECKING:
    import socket

    from common.config import ServiceOptions, Settings
    from common.runtime import Runtime

PARTS = {
    'identity': ('api',),
    'scheduler': ('api', 'conductor'),
    'image': ('api', 'conductor'),
    'volume': ('api', 'conductor', 'worker'),
    'network': ('api', 'conductor', 'agent'),
    'compute': ('api', 'conductor', 'worker'),
    'metadata': ('api',),
}
"""The parts of each service. Those of the scheduler are small and share a process."""


def main(argv: list[str] | None = None) -> int:
    """Run until told to end; gives the exit status."""
    parser = argparse.ArgumentParser(prog='pileus-service', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('targets', nargs='+', metavar='SERVICE [PART]', help='see above')
    parser.add_argument('--config-file', action='append', type=pathlib.Path, help='configuration file; may be given again, the later wins')
    parser.add_argument('--host', help='name of this host, instead of the one of the configuration')
    parser.add_argument('--processes', type=int, help='processes of each API, instead of the number of the configuration')
    parser.add_argument('--log', type=pathlib.Path, help='log to this file; else to the log folder, or with -v to standard error')
    parser.add_argument('-v', '--verbose', action='store_true', help='log to standard error')
    parser.add_argument('--prepare', action='store_true', help='bring databases up to date and make the first users before anything starts')
    parser.add_argument('--ready-fd', type=int, help='file descriptor to write to when everything answers')
    given = parser.parse_args(argv)
    from common.errors import PileusError

    try:
        return _run(given)
    except PileusError as error:
        print(f'pileus-service: {error.message}' + (f' ({error.admin_detail})' if error.admin_detail else ''), file=sys.stderr)
        return 1


def targets_of(words: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Processes as (service, its parts). Raises ConfigError for a part that there is not."""
    if words == ['every']:
        return [
            (service, parts)
            for service in PARTS
            for parts in (((PARTS[service]),) if service == 'scheduler' else [(p,) for p in PARTS[service]])
        ]
    if len(words) in (1, 2) and words[0] in PARTS:
        return [(words[0], (_part_of(words[0], words[1]),) if len(words) == 2 else PARTS[words[0]])]
    return [(service, (_part_of(service, part),)) for service, _, part in (word.partition(':') for word in words)]


def _part_of(service: str, part: str) -> str:
    from common.config import ConfigError

    if service not in PARTS:
        raise ConfigError(f'There is no service {service!r}; known: {", ".join(PARTS)}.')
    if part not in PARTS[service]:
        raise ConfigError(f'{service} has no part {part!r}; known: {", ".join(PARTS[service])}.')
    return part


def _run(given: argparse.Namespace) -> int:
    from common.config import ServiceOptions, Settings
    from common.manage import default_files
    from common.service.memory import share_arenas

    share_arenas()
    gc.disable()  # until everything is built: nearly all that a start makes stays, and looking through it takes a fifth of the time
    overrides = {'service': {'host': given.host}} if given.host else None
    settings = Settings.load(given.config_file or default_files(), overrides)
    options = settings.get(ServiceOptions)
    concurrency.setup(options.concurrency)
    if given.targets == ['all']:
        return _run_here(settings, options, given, None)
    targets = targets_of(given.targets)
    processes = given.processes or options.workers
    if len(targets) == 1 and (processes == 1 or 'api' not in targets[0][1]):
        return _run_here(settings, options, given, targets[0])
    return _run_supervised(settings, options, given, targets, processes)


def _logs(options: ServiceOptions, given: argparse.Namespace, name: str, *, routed: bool = False) -> Callable[[], None]:
    """Sets logs up, and again after a hang-up signal."""
    from common import log

    folder = pathlib.Path(options.log_dir) if options.log_dir else pathlib.Path(options.state_dir) / 'logs'

    def setup() -> None:
        if given.verbose:
            log.setup(options.log_level, options.log_format)
        elif given.log is not None:
            log.setup(options.log_level, options.log_format, given.log)
        elif routed:
            log.setup_folder(options.log_level, options.log_format, folder)
        else:
            log.setup(options.log_level, options.log_format, folder / f'{name}.log')

    return setup


def _run_here(settings: Settings, options: ServiceOptions, given: argparse.Namespace, target: tuple[str, tuple[str, ...]] | None) -> int:
    """One part, one service, or (None) all of them in this process."""
    from common.runtime import SERVICES, Runtime
    from common.service import process

    signals = process.Signals()
    setup = _logs(options, given, '-'.join([target[0], *target[1][:1]]) if target else 'pileus', routed=target is None)
    setup()
    runtime = Runtime(settings, embedded=target is None)
    try:
        runtime.build([target[0]] if target else options.services or SERVICES)
        if given.prepare:
            from pileus import cloud

            cloud.prepare(runtime)
        runtime.start([(target[0], part) for part in target[1]] if target else None)
        signals.wait_for_end(lambda: process.tell_ready(given.ready_fd), lambda: (setup(), runtime.reload()))  # type: ignore[func-returns-value]
    finally:
        runtime.stop(options.drain)
    return 0


def _await_former(book: pathlib.Path, seconds: float) -> None:
    """Wait until the processes of a supervisor that was killed have ended: they end with it, after what they have in hand."""
    from common.clock import monotonic, sleep

    try:
        former = json.loads(book.read_text())
    except (OSError, ValueError):
        return
    end = monotonic() + seconds
    while any(_is_ours(int(pid), name) for name, pid in former.items()) and monotonic() < end:
        sleep(0.05)


def _is_ours(pid: int, name: str) -> bool:
    """Whether the process is alive and still the one that was given this name, not a later one with its number."""
    try:
        return pid != os.getpid() and pathlib.Path(f'/proc/{pid}/comm').read_text().strip() == f'pl-{name}'[:15]
    except OSError:
        return False


def _run_supervised(
    settings: Settings, options: ServiceOptions, given: argparse.Namespace, targets: list[tuple[str, tuple[str, ...]]], processes: int
) -> int:
    """A process for each target; this one only keeps them alive."""
    from common.runtime import Runtime
    from common.service import process

    _logs(options, given, 'supervisor')()
    book = pathlib.Path(options.state_dir) / 'run' / 'processes.json'
    _await_former(book, options.drain + 10.0)
    Runtime.check(settings)
    services = list(dict.fromkeys(service for service, _ in targets))
    Runtime.preload(services)
    with _in_a_child(lambda: _prepare_all(settings, services)) if given.prepare else contextlib.nullcontext():
        # Services are made before the fork too: their processes share rules, validators and mappings.
        runtimes = {service: Runtime(settings, embedded=False) for service in services}
        for service, runtime in runtimes.items():
            runtime.build([service])
            runtime.warm()
    children = []
    for service, parts in targets:
        sockets = runtimes[service].listen(service) if 'api' in parts else {}
        for number in range(processes if parts == ('api',) else 1):
            name = f'{service}-{parts[0]}' + (f'-{number}' if number else '')
            children.append(process.Child(name, _life(runtimes[service], given, service, parts, sockets)))
    book.parent.mkdir(parents=True, exist_ok=True)
    return process.Supervisor(children, book, options.drain + 10.0).run(lambda: process.tell_ready(given.ready_fd))


def _life(
    runtime: Runtime, given: argparse.Namespace, service: str, parts: tuple[str, ...], sockets: dict[str, socket.socket]
) -> Callable[[Callable[[], None]], None]:
    """What a child does."""

    def run(ready: Callable[[], None]) -> None:
        from common.service import process

        signals = process.Signals()
        setup = _logs(runtime.options, given, f'{service}-{parts[0]}')
        setup()
        runtime.sockets.update(sockets)
        try:
            runtime.start([(service, part) for part in parts])
            signals.wait_for_end(ready, lambda: (setup(), runtime.reload()))  # type: ignore[func-returns-value]
        finally:
            runtime.stop(runtime.options.drain)

    return run


def _prepare_all(settings: Settings, services: list[str]) -> None:
    from common.runtime import Runtime
    from pileus import cloud

    runtime = Runtime(settings, embedded=True)
    try:
        runtime.build(services)
        cloud.prepare(runtime)
    finally:
        runtime.stop(1.0)


@contextlib.contextmanager
def _in_a_child(function: Callable[[], None]) -> Iterator[None]:
    """Run something beside this block in a process of its own, since it opens what must not be shared over a fork, and wait for it.

    Raises Unavailable when it fails.
    """
    from common.errors import PileusError, Unavailable

    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function()
            status = 0
        except PileusError as error:
            os.write(writer, f'{error.message} {error.admin_detail or ""}'.strip().encode()[:4000])
        except Exception as error:
            import logging

            logging.getLogger(__name__).exception('the databases could not be prepared')
            os.write(writer, f'{type(error).__name__}: {error}'.encode()[:4000])
        finally:
            os._exit(status)
    os.close(writer)
    try:
        yield
    finally:  # a change of a database is not to be broken off, whatever happens here
        with os.fdopen(reader, 'rb') as told:
            words = told.read().decode(errors='replace')
        status = os.waitpid(pid, 0)[1]
    if status:
        raise Unavailable(f'The databases could not be prepared: {words}')


def _part(service: str, part: str) -> Callable[[], int]:
    return lambda: main([service, part, *sys.argv[1:]])


identity_api, image_api, volume_api, network_api, compute_api, metadata_api = (
    _part(service, 'api') for service in ('identity', 'image', 'volume', 'network', 'compute', 'metadata')
)
image_conductor, volume_conductor, network_conductor, compute_conductor = (
    _part(service, 'conductor') for service in ('image', 'volume', 'network', 'compute')
)
compute_worker, volume_worker = (_part(service, 'worker') for service in ('compute', 'volume'))
network_agent = _part('network', 'agent')


def scheduler() -> int:
    """The scheduler: its contract, and its small API."""
    return main(['scheduler', *sys.argv[1:]])


if __name__ == '__main__':
    sys.exit(main())
