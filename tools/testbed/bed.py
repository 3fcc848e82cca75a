"""Several hosts, the cable between them, and one machine that is the world outside."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterable

from tools.testbed.commands import TestbedError, end, run, started_at
from tools.testbed.host import Host

CONTROLLER = 'controller'
WORLD = '10.231.0.1'
OUTSIDE = '203.0.113.1'
_MANAGEMENT = '10.231.0'


class Bed:
    """A controller and numbered hosts.

    Each has `eth0` (10.231.0.x, for the services and for tunnels) and `eth1` (no address, for the external network). Both end in bridges
    of a namespace `bed-<prefix>lan`, where 10.231.0.1 and 203.0.113.1 are: what is tried from there is tried from outside.

    :param folder: all files of the testbed; QEMU's user must be able to pass it
    :param prefix: of the hosts' names, for several testbeds on one machine
    """

    def __init__(self, folder: pathlib.Path, prefix: str = '') -> None:
        self.folder = folder
        self.prefix = prefix
        self.lan = f'bed-{prefix}lan'
        self._book = folder / 'bed.json'

    # -- looking

    def hosts(self) -> dict[str, Host]:
        """The hosts that were made, by their names in the testbed: `controller`, `h1`, ..."""
        return {name: self.host(name) for name in self._read()}

    def host(self, name: str) -> Host:
        """A host by its name."""
        return Host(self.prefix + name, self.folder / 'hosts' / name)

    def address(self, name: str) -> str:
        """Its management address."""
        return f'{_MANAGEMENT}.{10 if name == CONTROLLER else 10 + int(name.removeprefix("h"))}'

    def _read(self) -> dict[str, dict[str, int]]:
        try:
            return dict(json.loads(self._book.read_text()))
        except FileNotFoundError:
            return {}

    def _write(self, book: dict[str, dict[str, int]]) -> None:
        new = self._book.with_suffix('.new')
        new.write_text(json.dumps(book))
        new.replace(self._book)

    # -- making

    def up(self, hosts: int, *, libvirt: bool = True) -> None:
        """Make the controller and so many hosts; what is there already stays.

        :param libvirt: start virtlogd and libvirtd in each host (not in the controller)
        :raises: TestbedError
        """
        if not 0 <= hosts <= 200:
            raise TestbedError('A testbed has 0 to 200 hosts.')
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self._make_lan()
        names = [CONTROLLER, *(f'h{number}' for number in range(1, hosts + 1))]
        self._write_names([*self._read(), *names])
        for name in names:
            self._make(name)
            if libvirt and name != CONTROLLER:
                self.host(name).start_libvirt()

    def _make_lan(self) -> None:
        if pathlib.Path(f'/run/netns/{self.lan}').exists():
            return
        run('ip', 'netns', 'add', self.lan)
        inside = ('ip', '-n', self.lan)
        run(*inside, 'link', 'set', 'lo', 'up')
        for bridge, address in (('management', WORLD), ('external', OUTSIDE)):
            run(*inside, 'link', 'add', bridge, 'type', 'bridge')
            run(*inside, 'addr', 'add', f'{address}/24', 'dev', bridge)
            run(*inside, 'link', 'set', bridge, 'up')

    def _write_names(self, names: list[str]) -> None:
        lines = ['127.0.0.1 localhost', *(f'{self.address(name)} {self.prefix}{name}' for name in dict.fromkeys(names))]
        (self.folder / 'names').write_text('\n'.join(lines) + '\n')  # written in place: it is mounted in the hosts that are there

    def _make(self, name: str) -> None:
        host = self.host(name)
        if host.running('holder') and name in self._read():
            return
        if name in self._read():  # killed, or cut short while it was made
            self._remove(name)
        self._write({**self._read(), name: {}})
        host.up()
        self._write({**self._read(), name: {'uts': _uts(host)}})
        host.run('mount', '--bind', str(self.folder / 'names'), '/etc/hosts')
        for card, bridge in (('eth0', 'management'), ('eth1', 'external')):
            port = f'{name[:10]}.{card[-1]}'
            run('ip', 'link', 'add', card, 'netns', host.netns, 'type', 'veth', 'peer', 'name', port, 'netns', self.lan)
            run('ip', '-n', self.lan, 'link', 'set', port, 'master', bridge, 'up')
            run('ip', '-n', host.netns, 'link', 'set', card, 'up')
        run('ip', '-n', host.netns, 'addr', 'add', f'{self.address(name)}/24', 'dev', 'eth0')
        run('ip', '-n', host.netns, 'route', 'add', 'default', 'via', WORLD)

    # -- removing

    def down(self) -> None:
        """End all processes of all hosts, and remove everything. What is not there is fine."""
        for name in reversed(list(self._read())):
            self._remove(name)
        if pathlib.Path(f'/run/netns/{self.lan}').exists():
            _end_all(int(pid) for pid in run('ip', 'netns', 'pids', self.lan, check=False).split())
            run('ip', 'netns', 'del', self.lan)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove(self, name: str) -> None:
        book = self._read()
        uts = book.get(name, {}).get('uts')
        self.host(name).down()
        if uts:
            # A daemon in a namespace that was made inside the host is in none of the host's own but this one.
            _end_all(_processes_of(uts))
        book.pop(name, None)
        self._write(book)


def _uts(host: Host) -> int:
    """The number of a host's namespace of names, which all processes that were ever started in it share."""
    return int(host.run('stat', '-L', '-c', '%i', '/proc/self/ns/uts'))


def _processes_of(uts: int) -> list[int]:
    found = []
    for path in pathlib.Path('/proc').iterdir():
        if path.name.isdigit():
            try:
                if (path / 'ns/uts').stat().st_ino == uts:
                    found.append(int(path.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


def _end_all(pids: Iterable[int]) -> None:
    for pid in pids:
        started = started_at(pid)
        if started is not None:
            end(pid, started, seconds=3)
