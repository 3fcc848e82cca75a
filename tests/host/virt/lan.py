"""A network for guests in a host of the testbed: a bridge, taps as the network agent makes them, and a DHCP server."""

from __future__ import annotations

import pathlib
import subprocess

from common.clock import monotonic, sleep
from compute.virt.base import InterfaceSpec
from tools.testbed.host import Host

GATEWAY = '10.77.0.1'


class Lan:
    """Addresses are 10.77.0.x, given out by MAC address."""

    def __init__(self, host: Host, folder: pathlib.Path) -> None:
        self.host = host
        self._hosts = folder / 'dhcp-hosts'
        self._hosts.write_text('')
        self._count = 10
        folder.chmod(0o755)
        for command in ('ip link add lan type bridge', f'ip addr add {GATEWAY}/24 dev lan', 'ip link set lan up'):
            host.run(*command.split())
        self._dnsmasq = subprocess.Popen(
            host.inside(
                'dnsmasq', '--keep-in-foreground', '--conf-file=', '--bind-interfaces', '--interface=lan', '--except-interface=lo', '--no-hosts', '--no-resolv',
                '--dhcp-range=10.77.0.10,static,60', f'--dhcp-hostsfile={self._hosts}', f'--dhcp-leasefile={folder}/leases', '--dhcp-authoritative',
                f'--pid-file={folder}/dnsmasq.pid', '--user=root',
            ),
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def plug(self, port_id: str) -> tuple[InterfaceSpec, str]:
        """A tap on the bridge and an address: the card and what its guest will be given."""
        self._count += 1
        card = InterfaceSpec(port_id, f'fa:16:3e:00:00:{self._count:02x}', 1450)
        address = f'10.77.0.{self._count}'
        with self._hosts.open('a') as file:
            file.write(f'{card.mac},{address}\n')
        self._dnsmasq.send_signal(1)  # it reads the file again
        self.host.run('ip', 'tuntap', 'add', card.tap, 'mode', 'tap')
        self.host.run('ip', 'link', 'set', card.tap, 'master', 'lan', 'up')
        return card, address

    def close(self) -> None:
        """End the DHCP server; the rest goes with the host."""
        self._dnsmasq.terminate()
        self._dnsmasq.wait(60)


def ssh(host: Host, key: pathlib.Path, address: str, command: str, seconds: float = 180.0) -> str:
    """What a command in the guest says, tried until the guest answers."""
    limit, error = monotonic() + seconds, ''
    options = ('StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'ConnectTimeout=10', 'LogLevel=ERROR')
    words = ['ssh', '-i', str(key), *(part for option in options for part in ('-o', option)), f'cirros@{address}', command]
    while monotonic() < limit:
        done = subprocess.run(host.inside(*words), capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 255:  # its own status for "no connection"
            assert done.returncode == 0, done.stderr
            return done.stdout
        error = done.stderr
        sleep(0.2)
    raise AssertionError(f'{address} does not answer: {error}')
