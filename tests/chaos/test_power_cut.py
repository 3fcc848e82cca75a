"""A host whose power is cut: every process is gone at once, and so is what the kernel held. The next `up` brings guests back, data and all."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pileus.first_light import ssh_command
from tests.bench.client import Client
from tests.chaos.cloud import until

COMMANDS = ('libvirtd', 'qemu-system-x86_64', 'tgtd', 'dnsmasq', 'ip', 'iptables-save', 'ssh')
LACKING = 'root' if os.geteuid() != 0 else ', '.join(name for name in COMMANDS if not shutil.which(name))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(LACKING), reason=f'real guests need {LACKING}'),
]
OURS = ('dnsmasq', 'qemu-system', 'pileus.service', 'virtlogd', 'libvirtd', 'tgtd')


@pytest.fixture
def state() -> Iterator[pathlib.Path]:
    """The folder of a cloud with a real guest; QEMU's user can pass it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix='pileus-cut-'))
    directory.chmod(0o711)
    try:
        up(directory)
        yield directory
    finally:
        subprocess.run([*STACK, 'down', '--state', str(directory), '--purge'], check=True, timeout=180, stdout=subprocess.DEVNULL)


STACK = (sys.executable, '-m', 'pileus.stack')


def up(state: pathlib.Path) -> None:
    subprocess.run([*STACK, 'up', '--state', str(state)], check=True, timeout=600, stdout=subprocess.DEVNULL)


def processes(state: pathlib.Path, name: str = '') -> list[int]:
    """What runs for the cloud of this folder: what it wrote down, and what has the folder among its arguments."""
    found = {int(entry['pid']) for entry in json.loads((state / 'run' / 'daemons.json').read_text()).values()} if not name else set()
    for directory in pathlib.Path('/proc').iterdir():
        if directory.name.isdigit():
            try:
                words = (directory / 'cmdline').read_text().replace('\0', ' ')
            except OSError:
                continue
            if str(state) in words and any(one in words for one in (OURS if not name else (name,))):
                found.add(int(directory.name))
    return sorted(found)


def cut_power(state: pathlib.Path) -> None:
    for pid in processes(state):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not processes(state, 'qemu-system'), 'no guest runs')
    forget_network()


def forget_network() -> None:
    """Take away what a kernel forgets with its power, as far as it carries our prefix."""
    for line in run('ip', 'netns', 'list').splitlines():
        if line.startswith('pl-'):
            run('ip', 'netns', 'delete', line.split()[0])
    for link in json.loads(run('ip', '-json', 'link', 'show')):
        if link['ifname'].startswith('pl') and pathlib.Path('/sys/class/net', link['ifname']).exists():
            run('ip', 'link', 'delete', link['ifname'])
    rules = [line for line in run('iptables-save').splitlines(keepends=True) if 'pl-' not in line]
    subprocess.run(['iptables-restore'], input=''.join(rules), text=True, check=True, timeout=30)
    assert 'pl-' not in run('iptables-save')


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout


class User:
    """The demo user and its first server."""

    def __init__(self, state: pathlib.Path) -> None:
        password = (state / 'run' / 'demo-password').read_text().strip()
        self.state, self.client = state, Client('http://127.0.0.1:5000/v3', 'demo', password, 'demo')

    def server(self) -> dict[str, Any]:
        return dict(self.client.ask('GET', 'compute', '/servers/detail?name=first-light')['servers'][0])

    def addresses(self) -> list[str]:
        return sorted(one['addr'] for one in self.server()['addresses']['private'])

    def rests_in(self, status: str) -> bool:
        server = self.server()
        return server['status'] == status and server['OS-EXT-STS:task_state'] is None

    def recoveries(self) -> int:
        path = f'/servers/{self.server()["id"]}/os-instance-actions'
        return [one['action'] for one in self.client.ask('GET', 'compute', path)['instanceActions']].count('recover')

    def says(self, command: str, seconds: float = 240) -> str:
        """What a command prints in the guest, once it answers."""
        floating = next(one['addr'] for one in self.server()['addresses']['private'] if one['OS-EXT-IPS:type'] == 'floating')
        end = time.monotonic() + seconds
        while True:
            words = ssh_command(floating, self.state / 'first-light.pem', command)
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
            assert time.monotonic() < end, done.stderr
            time.sleep(0.5)

    def add_volume(self) -> None:
        volume = self.client.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1, 'name': 'held'}})['volume']['id']
        self.client.wait('volumev3', f'/volumes/{volume}', 'volume', 'available')
        body = {'volumeAttachment': {'volumeId': volume}}
        self.client.ask('POST', 'compute', f'/servers/{self.server()["id"]}/os-volume_attachments', body)
        self.client.wait('volumev3', f'/volumes/{volume}', 'volume', 'in-use')


def test_a_power_cut_costs_a_guest_nothing_but_a_boot(state: pathlib.Path) -> None:
    user = User(state)
    user.add_volume()
    user.says('echo kept > kept.txt && echo also kept | sudo dd of=/dev/vdb conv=fsync 2>/dev/null && sync')
    before = user.addresses()
    cut_power(state)
    up(state)
    user = User(state)
    assert (user.server()['status'], user.addresses(), user.recoveries()) == ('ACTIVE', before, 1)
    assert user.says('cat kept.txt; sudo dd if=/dev/vdb bs=9 count=1 2>/dev/null') == 'kept\nalso kept'

    (guest,) = processes(state, 'qemu-system')
    os.kill(guest, signal.SIGKILL)
    until(lambda: user.recoveries() == 2 and user.rests_in('ACTIVE'), 'the guest runs again', 240)
    assert user.says('cat kept.txt') == 'kept'

    user.says('sudo poweroff')
    until(lambda: user.rests_in('SHUTOFF'), 'the server is off', 240)
    assert user.recoveries() == 2, 'a guest that shuts itself down wants to be off'
