"""`tools/stack`: a cloud on this machine, from nothing to a server that answers over ssh, and back to nothing."""

from __future__ import annotations

import argparse
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from keystoneauth1.exceptions import ClientException

from common.clock import monotonic
from common.config import EndpointOptions, Settings
from common.errors import PileusError, Unavailable
from pileus import daemons as host_daemons
from pileus import settings as state_files
from pileus.daemons import Daemon, Daemons
from pileus.furnish import Cloud, Plan, furnish
from pileus.without_kvm import CONF, COVER

SERVICE = 'pileus'
_DATABASES = ['identity', 'scheduler', 'image', 'volume', 'network', 'compute']
_MARK = 'stack.mode'


def main(argv: list[str] | None = None) -> int:
    """Run a verb; errors are one line on standard error, status 1."""
    parser = argparse.ArgumentParser(prog='tools/stack', description='A cloud on this machine.')
    verbs = parser.add_subparsers(dest='verb', required=True)
    up = verbs.add_parser('up', help='install what is missing, start the cloud, boot a server and run a command in it')
    up.add_argument('--deployment', choices=('embedded', 'distributed'), default='embedded')
    up.add_argument('--simulated', action='store_true', help='no hypervisor, no root')
    up.add_argument('--hosts', type=int, default=1, help='simulated hosts')
    up.add_argument('--no-server', action='store_true', help='start the cloud and boot nothing')
    up.add_argument('--installed', type=float, default=0.0, help=argparse.SUPPRESS)
    down = verbs.add_parser('down', help='end it and leave the machine as it was')
    down.add_argument('--purge', action='store_true', help='remove the state folder too')
    verbs.add_parser('status', help='what runs')
    for verb in verbs.choices.values():
        verb.add_argument('--state', type=pathlib.Path, default=None, help='the one folder that holds everything')
    given = parser.parse_args(argv)
    state = (given.state or state_files.default_state()).absolute()
    try:
        if given.verb == 'up':
            with _alone(state):
                return Up(state, given).run()
        if given.verb == 'down':
            return down_all(state, given.purge)
        return status(state)
    except (PileusError, OSError, subprocess.SubprocessError, ClientException) as error:
        print(f'tools/stack: {error}', file=sys.stderr)
        return 1


@contextmanager
def _alone(state: pathlib.Path) -> Iterator[None]:
    """One `up` at a time for each state folder."""
    state.mkdir(parents=True, exist_ok=True, mode=0o711)
    with (state / '.lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(f'Another tools/stack is at work on {state}. Wait until it has ended.') from None
        yield


class Up:
    """One run of `up`. Each part looks first, so a second run changes nothing."""

    def __init__(self, state: pathlib.Path, given: argparse.Namespace) -> None:
        self.state, self.given = state, given
        self.daemons = Daemons(state)
        self.began = monotonic()

    def say(self, text: str) -> None:
        """A line of progress with the seconds since the start."""
        print(f'[{monotonic() - self.began:6.1f} s] {text}', flush=True)

    def run(self) -> int:
        """Everything, in order."""
        if not self.given.simulated and os.geteuid() != 0:
            raise Unavailable('A hypervisor host needs root. Run it as root, or add --simulated.')
        self._check_kind()
        image = self._guest_image()
        state_files.make_secrets(self.state)
        running = monotonic()
        settings = self._settings()
        started = self._start(settings)
        answering = monotonic() - running
        cloud = self._cloud('admin')
        furnish(
            cloud,
            Plan(image_path=image, image_min_ram=0 if self.given.simulated else 96),
            state_files.secret(self.state, 'demo-password'),
            self.say,
        )
        self.say('flavors, image, networks and the demo project are there')
        if not self.given.no_server and not self.given.simulated:
            self._first_light()
        self._farewell(started, answering, monotonic() - running)
        return 0

    # -- parts

    def _guest_image(self) -> pathlib.Path | None:
        """The guest image, built from Debian packages if it is not there; a token file for simulated hosts."""
        path = self.state / 'guest' / 'cirros-pileus.qcow2'
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return path
        if self.given.simulated:
            _write_empty_qcow2(path)
            return path
        self.say('building the guest image from Debian packages')
        subprocess.run(
            [sys.executable, '-m', 'tools.guest_image', '--output', str(path)], check=True, cwd=_top(), stdout=subprocess.DEVNULL
        )
        return path

    def _check_kind(self) -> None:
        """Raise Unavailable for a folder with a cloud of another kind: its databases and images do not fit."""
        mode = self.state / _MARK
        have = mode.read_text() if mode.exists() else self._kind()
        if have.partition(' hosts=')[0] != self._kind().partition(' hosts=')[0] or (have != self._kind() and self.daemons.running(SERVICE)):
            raise Unavailable(
                f'{self.state} holds a cloud of another kind ({have}). Choose another folder with --state, or remove that cloud: '
                f'tools/stack down --purge --state {self.state}'
            )

    def _kind(self) -> str:
        return f'{self.given.deployment} simulated={self.given.simulated} hosts={self.given.hosts}'

    def _settings(self) -> Settings:
        if self.daemons.running(SERVICE):
            return Settings.load(state_files.files(self.state))
        (self.state / _MARK).write_text(self._kind())
        state_files.write_config(self.state, self._values())
        settings = Settings.load(state_files.files(self.state))
        endpoints = settings.get(EndpointOptions)
        state_files.write_credentials(self.state, f'{endpoints.identity}/v3', 'RegionOne')
        return settings

    def _values(self) -> dict[str, dict[str, Any]]:
        """What differs from the defaults."""
        values: dict[str, dict[str, Any]] = {'service': {'state_dir': self.state}, 'identity': {'admin_port': state_files.ADMIN_PORT}}
        if self.given.simulated:
            # Guests outlive a killed worker, as those of a hypervisor do.
            values['compute'] = {'driver': 'simulated', 'simulated_hosts': self.given.hosts, 'simulated_state': self.state / 'simulated'}
            values['volume'] = {'pool': 'simulated', 'target': 'simulated'}
            values['network'] = {'driver': 'simulated'}
        else:
            values['volume'] = {'target_port': host_daemons.TGT_PORT, 'target_control': host_daemons.TGT_CONTROL}
            values['agent'] = {'external_gateway': True}
        if self.given.deployment == 'distributed':
            # One process of ours keeps one core busy at most, and each API has the others beside it: more would only take memory.
            values['service']['workers'] = min(4, max(1, (os.cpu_count() or 1) // 2))
            values['messaging'] = {'url': f'amqp://guest:guest@127.0.0.1:{host_daemons.RABBIT_PORT}//'}
        return values

    def _start(self, settings: Settings) -> bool:
        """Start daemons and services that do not run; whether anything was started."""
        started, waiting = False, []
        if not self.given.simulated:
            for daemon in [*host_daemons.hypervisor(self.daemons), host_daemons.iscsi_target()]:
                started |= self._one(daemon)
        if self.given.deployment == 'distributed':
            port_mapper, broker = host_daemons.rabbitmq(self.daemons)
            started |= self._one(port_mapper)
            # The broker takes longest. The services prepare their databases meanwhile, and connect to it when it is there.
            waiting.append((broker, self.daemons.launch(broker)))
            database, url = host_daemons.mariadb(self.daemons, _DATABASES)
            started |= self._one(database)
            if not self.daemons.running(SERVICE):
                values = self._values()
                values['database'] = {'url_template': url}
                state_files.write_config(self.state, values)
        what = 'all' if self.given.deployment == 'embedded' else 'every'
        command = [sys.executable, '-m', 'pileus.service', what, '--prepare']
        for file in state_files.files(self.state):
            command += ['--config-file', str(file)]
        endpoints = settings.get(EndpointOptions)
        urls = [endpoints.identity, endpoints.image, endpoints.volume, endpoints.network, endpoints.compute]
        service = Daemon(SERVICE, command, lambda: all(_answers(url) for url in urls), seconds=90.0)
        waiting.append((service, self.daemons.launch(service)))
        for daemon, ready in waiting:
            started |= self._await(daemon, ready)
        return started

    def _one(self, daemon: Daemon) -> bool:
        return self._await(daemon, self.daemons.launch(daemon))

    def _await(self, daemon: Daemon, ready: Callable[[], None] | None) -> bool:
        """Wait until it is ready; whether it was started now."""
        if ready is None:
            return False
        ready()
        self.say(f'{daemon.name} runs')
        return True

    def _cloud(self, user: str) -> Cloud:
        from keystoneauth1.identity.v3 import Password
        from keystoneauth1.session import Session

        endpoints = Settings.load(state_files.files(self.state)).get(EndpointOptions)
        auth = Password(
            auth_url=f'{endpoints.identity}/v3', username=user, password=state_files.secret(self.state, f'{user}-password'), project_name=user,
            user_domain_id='default', project_domain_id='default',
        )  # fmt: skip
        return Cloud(Session(auth=auth, user_agent='pileus-stack'))

    def _first_light(self) -> None:
        from pileus.first_light import kindle, ssh_command

        light = kindle(self._cloud('demo'), self.state, self.say)
        self.say(f'the server says: {" | ".join(light.output.strip().splitlines())}')
        print(f'\n  {" ".join(ssh_command(light.address, light.key))}')

    def _farewell(self, started: bool, answering: float, running: float) -> None:
        kind = 'started' if started else 'was running already'
        print(f'\nThe cloud {kind}. Installing took {self.given.installed:.1f} s, services answered after {answering:.1f} s,')
        print(f'and everything was ready {running:.1f} s after their start.\n')
        print(f'  source {self.state}/openrc          # or openrc-demo; or OS_CLIENT_CONFIG_FILE={self.state}/clouds.yaml OS_CLOUD=pileus')
        print('  openstack server list               # pip install python-openstackclient')
        print(f'  tools/stack down --state {self.state}')


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f'{url}/healthcheck', timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _write_empty_qcow2(path: pathlib.Path) -> None:
    """A valid qcow2 header for a disk of 16 MiB without data (QEMU's docs/interop/qcow2.txt): simulated hosts read no more."""
    import struct

    header = struct.pack('>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 16, 16 << 20, 0, 1, 0x30000, 0x10000, 1, 0, 0, 0, 0, 0, 4, 104)
    data = bytearray(0x40000)
    data[: len(header)] = header
    struct.pack_into('>Q', data, 0x10000, 0x20000)
    for cluster in range(4):
        struct.pack_into('>H', data, 0x20000 + 2 * cluster, 1)
    path.write_bytes(bytes(data))


def _top() -> pathlib.Path:
    return pathlib.Path(__file__).resolve().parent.parent


def down_all(state: pathlib.Path, purge: bool) -> int:
    """End everything that was started from this folder, and remove what it left on the machine."""
    daemons = Daemons(state)
    simulated = (state / _MARK).exists() and 'simulated=True' in (state / _MARK).read_text()
    daemons.stop(SERVICE)
    if not simulated and os.geteuid() == 0 and (state / _MARK).exists():
        _remove_guests()
        _clean_network(state)
    for name in daemons.stop_all():
        print(f'{name} ended')
    if not simulated and os.geteuid() == 0:
        for cover in (COVER, CONF):
            cover.unlink(missing_ok=True)
    if purge:
        shutil.rmtree(state, ignore_errors=True)
    print('The cloud is down.' + ('' if purge else f' Its databases, images and logs are in {state}; --purge removes them.'))
    return 0


def _remove_guests() -> None:
    """Our guests, by prefix. Their disks stay: the next `up` finds them lost and starts them again."""
    if shutil.which('virsh') is None:
        return
    listed = subprocess.run(
        ['virsh', '-c', 'qemu:///system', 'list', '--all', '--name'], capture_output=True, text=True, timeout=60, check=False
    )
    for name in listed.stdout.split():
        if name.startswith('pl-'):
            for verb in ('destroy', 'undefine'):
                subprocess.run(['virsh', '-c', 'qemu:///system', verb, name], capture_output=True, timeout=60, check=False)


def _clean_network(state: pathlib.Path) -> None:
    from network.apply.cleanup import cleanup
    from network.apply.host import Host

    host = Host(state / 'network')
    cleanup(host)
    for problem in host.problems:
        print(f'tools/stack: {problem}', file=sys.stderr)


def status(state: pathlib.Path) -> int:
    """What was started here and whether it lives; 0 when the cloud answers."""
    daemons = Daemons(state)
    names = list(daemons._read())
    for name in names:
        print(f'{name:12s} {"runs" if daemons.running(name) else "DEAD"}')
    if SERVICE not in names:
        print('No cloud runs from this folder.')
        return 1
    return 0 if daemons.running(SERVICE) else 1


if __name__ == '__main__':
    sys.exit(main())
