"""Starting and ending a cloud: everything from an empty folder to answering APIs, and back."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from common.clock import monotonic, sleep
from common.config import ConfigError, EndpointOptions, ServiceOptions, Settings
from common.errors import Conflict, Unavailable
from common.runtime import Runtime
from pileus import daemons as others
from pileus import settings as state_files
from pileus.daemons import Daemon, Daemons

Say = Callable[[str], None]
PROGRAM = 'pileus'
"""The name of our own process in the book of daemons."""
EMBEDDED, DISTRIBUTED = 'embedded', 'distributed'
_START_SECONDS, _END_SECONDS = 120.0, 45.0


@dataclasses.dataclass(frozen=True)
class Wish:
    """What cloud is wanted.

    hosts: of the simulated hypervisor. address: where the APIs listen and are found. port_offset: added to every port.
    options: further settings, by group.
    """

    state: pathlib.Path
    deployment: str = EMBEDDED
    simulated: bool = False
    hosts: int = 1
    address: str = '127.0.0.1'
    port_offset: int = 0
    options: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Up:
    """A cloud that answers. `started`: it did not run before; `seconds`: from the start of its services until all answered."""

    settings: Settings
    started: bool
    seconds: float

    @property
    def auth_url(self) -> str:
        """Where clients get tokens."""
        return f'{self.settings.get(EndpointOptions).identity}/v3'


def values_of(wish: Wish, broker_url: str = '', database_url: str = '') -> dict[str, dict[str, Any]]:
    """The settings of a cloud, by group."""
    found: dict[str, dict[str, Any]] = {
        'service': {'state_dir': wish.state, 'bind': wish.address},
        'identity': {'admin_port': state_files.ADMIN_PORT + wish.port_offset},
        'endpoints': {
            field.name: f'http://{wish.address}:{int(str(field.default).rpartition(":")[2]) + wish.port_offset}'
            for field in dataclasses.fields(EndpointOptions)
        },
    }
    if broker_url:
        found['messaging'] = {'url': broker_url}
    if database_url:
        found['database'] = {'url_template': database_url}
    if wish.simulated:
        found['compute'] = {'driver': 'simulated', 'simulated_hosts': wish.hosts, 'simulated_state': wish.state / 'simulated'}
        found['volume'] = {'pool': 'simulated', 'target': 'simulated'}
        found['network'] = {'driver': 'simulated'}
    else:
        found['volume'] = {'target_port': others.TGT_PORT, 'target_control': others.TGT_CONTROL}
    for group, options in wish.options.items():
        found.setdefault(group, {}).update(options)
    return found


@contextlib.contextmanager
def locked(state: pathlib.Path) -> Iterator[None]:
    """Nobody else starts or ends this cloud meanwhile. Raises Conflict."""
    (state / 'run').mkdir(parents=True, exist_ok=True)
    with (state / 'run' / 'lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f'Somebody else is starting or ending the cloud in {state} at this moment.') from None
        yield


def up(wish: Wish, say: Say) -> Up:
    """Start the cloud, unless it runs: then nothing changes.

    :raises: ConfigError for settings that cannot be, Unavailable when something does not start, with the end of its log
    """
    _check(wish)
    state_files.make_secrets(wish.state)
    with locked(wish.state):
        daemons = Daemons(wish.state)
        running = daemons.running(PROGRAM)
        urls = {} if running else _start_others(daemons, wish, say)
        if not running:
            state_files.write_config(wish.state, values_of(wish, **urls))
        settings = state_files.load(wish.state)
        Runtime.check(settings)
        began = monotonic()
        if running:
            await_answers(Answering(settings), wish.state)
            say(f'the cloud in {wish.state} is running')
        else:
            daemons.start(program(wish, settings))
            say(f'all APIs answer after {monotonic() - began:.1f} s')
        seconds = monotonic() - began
        region = settings.get(ServiceOptions).region
        state_files.write_credentials(wish.state, f'{settings.get(EndpointOptions).identity}/v3', region)
        return Up(settings, not running, seconds)


def _check(wish: Wish) -> None:
    if wish.deployment not in (EMBEDDED, DISTRIBUTED):
        raise ConfigError(f'There is no deployment {wish.deployment!r}; known: {EMBEDDED}, {DISTRIBUTED}.')
    if not wish.simulated and os.geteuid() != 0:
        raise ConfigError('Real guests need root. Run this as root, or take simulated hosts: pileus up --simulated')
    if wish.deployment == DISTRIBUTED:
        missing = [name for name in ('rabbitmq-server', 'mariadbd') if shutil.which(name) is None]
        if missing:
            raise ConfigError(f'{" and ".join(missing)} cannot be found. Install them: apt-get install rabbitmq-server mariadb-server')


def _start_others(daemons: Daemons, wish: Wish, say: Say) -> dict[str, str]:
    """Start what the services need; gives the URLs of broker and databases where they are not the built-in ones."""
    urls: dict[str, str] = {}
    wanted: list[Daemon] = []
    if wish.deployment == DISTRIBUTED:
        from common.runtime import SERVICES

        database, urls['database_url'] = others.mariadb(daemons, list(SERVICES))
        wanted += [*others.rabbitmq(daemons), database]
        urls['broker_url'] = f'amqp://guest:guest@127.0.0.1:{others.RABBIT_PORT}//'
    if not wish.simulated:
        wanted += [*others.hypervisor(daemons), others.iscsi_target()]
    for daemon in wanted:
        if daemons.start(daemon):
            say(f'{daemon.name} is running')
    return urls


def program(wish: Wish, settings: Settings) -> Daemon:
    """Our own process: all services, or the parent of all of them."""
    root = pathlib.Path(__file__).resolve().parent.parent
    words = [sys.executable, '-m', 'pileus.service']
    for file in state_files.files(wish.state):
        words += ['--config-file', str(file)]
    words += ['--prepare', 'all' if wish.deployment == EMBEDDED else 'every']
    paths = [str(root), *filter(None, [os.environ.get('PYTHONPATH')])]
    return Daemon(
        PROGRAM, words, Answering(settings), environment={'PYTHONPATH': os.pathsep.join(paths)}, seconds=_START_SECONDS, grace=_END_SECONDS
    )


class Answering:
    """Whether all APIs of a cloud answer; one that has is not asked again."""

    def __init__(self, settings: Settings) -> None:
        services = settings.get(ServiceOptions).services
        endpoints = dataclasses.asdict(settings.get(EndpointOptions))  # type: ignore[call-overload]
        self._left = {name: url for name, url in endpoints.items() if not services or name in services}

    @property
    def silent(self) -> list[str]:
        """The services that have not answered yet."""
        return list(self._left)

    def __call__(self) -> bool:
        for name, url in list(self._left.items()):
            if not answers(url):
                return False
            del self._left[name]
        return True


def await_answers(answering: Answering, state: pathlib.Path, seconds: float = 15.0) -> None:
    """Wait until all APIs answer. Raises Unavailable that names those that do not."""
    end = monotonic() + seconds
    while not answering():
        if monotonic() > end:
            raise Unavailable(
                f'The cloud in {state} runs, but {", ".join(answering.silent)} is not well. See: pileus doctor --state {state}'
            )
        sleep(0.1)


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether an API says that it is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f'{url}/healthcheck', timeout=timeout) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def down(state: pathlib.Path, say: Say) -> list[str]:
    """End the cloud and what was started for it; gives the names of what ended. Its data stays."""
    if not (state / 'run').is_dir():
        return []
    with locked(state):
        daemons = Daemons(state)
        ended = [name for name in (PROGRAM,) if daemons.stop(name)] + daemons.stop_all()
        for name in ended:
            say(f'{name} has ended')
        return ended
