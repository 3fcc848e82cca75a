"""One host: namespaces, private folders, and the daemons in it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess

from common.clock import monotonic, sleep
from tools.testbed.commands import TestbedError, end, run, started_at

# Where daemons keep what must not be shared between hosts.
_PRIVATE = ('run', 'etc/libvirt', 'var/lib/libvirt', 'var/log/libvirt', 'var/cache/libvirt')
_HOLD = """set -e
for place in run etc/libvirt var/lib/libvirt var/log/libvirt var/cache/libvirt; do mkdir -p "/$place"; mount --bind "$1/private/$place" "/$place"; done
hostname "$2"
ip link set lo up
sysctl -q -w net.ipv4.ip_forward=1
touch "$1/ready"
exec sleep infinity
"""
_DAEMON_SECONDS = 30.0


class Host:
    """A host of the testbed.

    :param name: short; the namespace is `bed-<name>`
    :param folder: all files of the host, made by `up` and removed by `down`
    """

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name = name
        self.folder = folder
        self.netns = f'bed-{name}'
        self._book = folder / 'processes.json'

    # -- processes

    def _processes(self) -> dict[str, list[int]]:
        try:
            return dict(json.loads(self._book.read_text()))
        except FileNotFoundError:
            return {}

    def _note(self, name: str, pid: int) -> None:
        self._book.write_text(json.dumps({**self._processes(), name: [pid, started_at(pid) or 0]}))

    def running(self, name: str) -> bool:
        """Whether `holder`, `virtlogd`, `libvirtd` or `tgtd` lives."""
        pid, started = self._processes().get(name, (0, -1))
        return started_at(pid) == started

    def process(self, name: str) -> int:
        """The process id of one of these."""
        return self._processes()[name][0]

    def kill(self, name: str) -> None:
        """End a daemon of this host."""
        pid, started = self._processes().get(name, (0, -1))
        end(pid, started, 0.5 if name == 'tgtd' else 10.0)  # tgtd does not end on request while it has targets

    def inside(self, *command: str) -> list[str]:
        """The command that runs this one in the host."""
        pid = self._processes()['holder'][0]
        return ['nsenter', f'--mount=/proc/{pid}/ns/mnt', f'--uts=/proc/{pid}/ns/uts', f'--net=/proc/{pid}/ns/net', '--', *command]

    def run(self, *command: str, seconds: float = 30.0, check: bool = True) -> str:
        """Run a command in the host; gives its output."""
        return run(*self.inside(*command), seconds=seconds, check=check)

    # -- life

    def up(self) -> None:
        """Make it; one that is up already is fine."""
        if self.running('holder'):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        for place in _PRIVATE:
            private = self.folder / 'private' / place
            private.mkdir(parents=True, exist_ok=True)
        for path in pathlib.Path('/etc/libvirt').glob('*.conf'):  # not the guests that are defined there
            shutil.copy(path, self.folder / 'private/etc/libvirt' / path.name)
        self._share_what_is_known_of_qemu()
        (self.folder / 'ready').unlink(missing_ok=True)
        if not pathlib.Path(f'/run/netns/{self.netns}').exists():
            run('ip', 'netns', 'add', self.netns)
        holder = subprocess.Popen(
            ['ip', 'netns', 'exec', self.netns, 'unshare', '-m', '-u', 'sh', '-c', _HOLD, 'hold', str(self.folder), self.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        limit = monotonic() + 10
        while not (self.folder / 'ready').exists():
            if holder.poll() is not None or monotonic() > limit:
                words = holder.stderr.read().decode() if holder.poll() is not None and holder.stderr else 'it took too long'
                raise TestbedError(f'host {self.name} could not be made: {words.strip()}')
            sleep(0.02)
        self._note('holder', holder.pid)

    def _share_what_is_known_of_qemu(self) -> None:
        """Asking QEMU what it can do takes libvirtd many seconds; the machine's own libvirtd may have asked already."""
        known = pathlib.Path('/var/cache/libvirt/qemu/capabilities')
        with contextlib.suppress(FileNotFoundError, shutil.Error):  # libvirtd may be writing there just now
            shutil.copytree(known, self.folder / 'private/var/cache/libvirt/qemu/capabilities', dirs_exist_ok=True)

    @property
    def libvirt_uri(self) -> str:
        """How its libvirtd is reached from outside of the host."""
        return f'qemu+unix:///system?socket={self.folder}/private/run/libvirt/libvirt-sock'

    def start_libvirt(self) -> None:
        """Start virtlogd and libvirtd in it, as far as they do not run."""
        for name, file in (('virtlogd', 'virtlogd-sock'), ('libvirtd', 'libvirt-sock')):
            if self.running(name):
                continue
            pid_file = self.folder / f'{name}.pid'
            pid_file.unlink(missing_ok=True)
            self.run(name, '-d', '-p', str(pid_file))
            self._await(self.folder / 'private/run/libvirt' / file, name)
            self._note(name, int(pid_file.read_text()))

    def start_tgt(self, control: int, portal: str) -> pathlib.Path:
        """Start a tgtd in it; gives the folder of its control socket, `socket.<control>`."""
        folder = self.folder / 'private/run/tgtd'
        folder.mkdir(parents=True, exist_ok=True)
        if not self.running('tgtd'):
            # tgtd keeps its socket in /var/run, which is /run. At its start it closes every descriptor there may be: hence the limit.
            process = subprocess.Popen(
                self.inside('prlimit', '--nofile=4096', 'tgtd', '-f', '-C', str(control), '--iscsi', f'portal={portal}'),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            self._note('tgtd', process.pid)
            self._await(folder / f'socket.{control}', 'tgtd')
        return folder

    @staticmethod
    def _await(path: pathlib.Path, name: str) -> None:
        limit = monotonic() + _DAEMON_SECONDS
        while monotonic() < limit:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                # The path of a socket may be longer than an address can be; a descriptor of its folder is short.
                descriptor = os.open(path.parent, os.O_PATH)
                try:
                    probe.connect(f'/proc/self/fd/{descriptor}/{path.name}')
                    return
                finally:
                    os.close(descriptor)
            sleep(0.05)
        raise TestbedError(f'{name} does not answer at {path}')

    def down(self) -> None:
        """End everything in the host, and remove it with its files."""
        if self.running('holder') and self.running('libvirtd'):
            for domain in self.run('virsh', '-q', 'list', '--name', check=False).split():
                self.run('virsh', '-q', 'destroy', domain, check=False)
        for name in ('libvirtd', 'virtlogd', 'tgtd'):
            self.kill(name)
        if pathlib.Path(f'/run/netns/{self.netns}').exists():
            for pid in run('ip', 'netns', 'pids', self.netns, check=False).split():
                end(int(pid), started_at(int(pid)) or -1, seconds=5)
        self.kill('holder')
        run('ip', 'netns', 'del', self.netns, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
