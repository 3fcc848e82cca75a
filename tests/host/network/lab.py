"""A laboratory for the network agent: hosts and guests as network namespaces of this machine.

A `LabHost` is a thread with a network namespace and a mount namespace of its own (so `/run/netns` is its own too); what
it starts inherits them. A `LabGuest` is a namespace whose device is one end of a veth, the other end of which stands
in the place of the tap.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from network.apply import names
from network.apply.cleanup import cleanup
from network.apply.host import Host
from network.apply.reconcile import Outcome, Reconciler, Settings
from network.desired.model import HostNetwork, Port
from network.metadata_proxy import MetadataProxy

T = TypeVar('T')
CLONE_NEWNS, CLONE_NEWNET, CLONE_FS = 0x20000, 0x40000000, 0x200
MS_REC, MS_PRIVATE = 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)

UDHCPC_SCRIPT = """#!/bin/sh
env >> "$LEASE_LOG"
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev "$interface" scope global
ip addr add "$ip/$mask" dev "$interface"
if [ -n "$staticroutes" ]; then
  set -- $staticroutes
  while [ $# -ge 2 ]; do ip route replace "$1" via "$2" dev "$interface"; shift 2; done
else
  for r in $router; do ip route replace default via "$r" dev "$interface"; done
fi
[ -z "$mtu" ] || ip link set dev "$interface" mtu "$mtu"
"""

ECHO_SERVER = """
import socket, sys, threading
s = socket.create_server(('', int(sys.argv[1])))
print('ready', flush=True)
def serve(c):
    while data := c.recv(100): c.sendall(data)
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""
ECHO_CLIENT = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
print('ready', flush=True)
for line in sys.stdin:
    c.settimeout(float(line))
    try:
        c.sendall(b'x'); answer = c.recv(1)
    except OSError: answer = b''
    print('yes' if answer == b'x' else 'no', flush=True)
"""
SHOVEL = """
import ctypes, fcntl, os, select, struct, subprocess, sys
def tap(name, flags):
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', name.encode(), 2 | 0x1000 | flags))
    return fd
outer = tap(sys.argv[1], 0x4000)
fcntl.ioctl(outer, 0x400454d0, 0)
ns = os.open(sys.argv[2], os.O_RDONLY)
assert ctypes.CDLL(None).setns(ns, 0x40000000) == 0
inner = tap('eth0', 0x4000)
subprocess.run(['ip', 'link', 'set', 'dev', 'eth0', 'address', sys.argv[3], 'up'], check=True)
print('ready', flush=True)
while True:
    for fd in select.select([outer, inner], [], [])[0]:
        try: os.write(inner if fd == outer else outer, os.read(fd, 70000))
        except OSError: pass
"""
FETCH = """
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(sys.argv[1], timeout=float(sys.argv[2])).read().decode(), end='')
"""
KNOCK = 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))'
PATIENCE = 30.0
"""Seconds that what is to come about is waited for, on a machine that is busy with other things."""
SOON = 2.0
"""Seconds that what must not come about is watched for."""


def new_id() -> str:
    """An id as the service makes them."""
    return str(uuid.uuid4())


def mac() -> str:
    """A MAC address of a port."""
    return 'fa:16:3e:' + ':'.join(f'{b:02x}' for b in os.urandom(3))


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something comes true in this time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


class LabHost:
    """A host. Everything that it does runs in its own thread, through `run`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='lab-host')
        self._ident = self.native_id = 0
        self.run(self._enter)
        self.host = Host(folder / 'agent')
        self.proxy: MetadataProxy | None = None
        self.reconciler = Reconciler(self.host, Settings())
        self.guests: list[LabGuest] = []
        self.programs: list[subprocess.Popen[str]] = []

    def _enter(self) -> None:
        self._ident = threading.get_ident()
        self.native_id = threading.get_native_id()
        for call in (
            lambda: _libc.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_FS),
            lambda: _libc.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None),
        ):
            if call() != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        Path('/run/netns').mkdir(exist_ok=True)
        if _libc.mount(b'tmpfs', b'/run/netns', b'tmpfs', 0, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.sh('ip link set dev lo up')
        # A new namespace takes this over from the machine, on which a cloud may be running.
        Path('/proc/sys/net/ipv4/ip_forward').write_text('0')

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in the host's thread."""
        return self._thread.submit(function, *arguments).result()

    def sh(self, command: str, *, namespace: str | None = None, check: bool = True, stdin: str | None = None) -> str:
        """Run a command there; from inside or outside of the host's thread."""
        words = (['ip', 'netns', 'exec', namespace] if namespace else []) + command.split()

        def call() -> subprocess.CompletedProcess[str]:
            return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, input=stdin)

        done = call() if self._inside() else self.run(call)
        if check and done.returncode != 0:
            raise AssertionError(f'{command}: {done.returncode}: {done.stdout}{done.stderr}')
        return done.stdout

    def ok(self, command: str, *, namespace: str | None = None) -> bool:
        """Whether a command succeeds there."""
        words = (['ip', 'netns', 'exec', namespace] if namespace else []) + command.split()
        return self.run(lambda: subprocess.run(words, capture_output=True, check=False, timeout=60).returncode) == 0

    def ping(self, address: str, seconds: float = PATIENCE, namespace: str | None = None, more: str = '') -> bool:
        """Whether an address answers in this time, being asked once a second. `more`: further options of ping(8)."""
        return self.ok(f'ping -n -c 1 -w {seconds:.0f} {more} {address}', namespace=namespace)

    def reaches(self, address: str, port: int, seconds: float = PATIENCE, namespace: str | None = None) -> bool:
        """Whether a TCP connection from there is accepted."""
        words = [*(['ip', 'netns', 'exec', namespace] if namespace else []), 'python3', '-c', KNOCK, address, str(port), str(seconds)]
        return self.run(lambda: subprocess.run(words, capture_output=True, check=False, timeout=60).returncode) == 0

    def fetch(self, url: str, seconds: float = PATIENCE, namespace: str | None = None) -> str | None:
        """What a web server answers there, None if it does not with success."""
        words = [*(['ip', 'netns', 'exec', namespace] if namespace else []), 'python3', '-c', FETCH, url, str(seconds)]
        done = self.run(lambda: subprocess.run(words, capture_output=True, text=True, check=False, timeout=60))
        return done.stdout if done.returncode == 0 else None

    def connect(self, address: str, port: int) -> LabConnection:
        """A connection from the host itself that stays open."""
        client = self.popen(['python3', '-c', ECHO_CLIENT, address, str(port), str(PATIENCE)])
        self.programs.append(client)
        return LabConnection(client)

    def popen(self, words: list[str], namespace: str | None = None) -> subprocess.Popen[str]:
        """Start a program there."""
        prefix = ['ip', 'netns', 'exec', namespace] if namespace else []
        return self.run(
            lambda: subprocess.Popen([*prefix, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )

    def _inside(self) -> bool:
        return threading.get_ident() == self._ident

    def wire(self, other: LabHost, mine: str, theirs: str) -> None:
        """A cable to another host, with an address at each end (with prefix length)."""
        self.sh(f'ip link add name under type veth peer name under netns {other.native_id}')
        for host, address in ((self, mine), (other, theirs)):
            host.sh(f'ip addr add {address} dev under')
            host.sh('ip link set dev under up')

    def use(self, settings: Settings, proxy: MetadataProxy | None = None) -> None:
        """A new agent (as after a restart) with these settings."""
        if proxy is not None and proxy is not self.proxy:
            self.run(proxy.start)
            self.proxy = proxy
        self.reconciler = Reconciler(self.host, settings, self.proxy)

    def apply(self, state: HostNetwork, *, full: bool = True) -> Outcome:
        """One pass of the agent."""
        return self.run(lambda: self.reconciler.apply(state, full=full))

    def guest(self, port: Port) -> LabGuest:
        """A guest on a port: plugged like a tap is."""
        guest = LabGuest(self, port)
        self.guests.append(guest)
        return guest

    def close(self) -> None:
        """Remove everything and let the namespaces go."""
        for program in self.programs:
            program.kill()
            program.communicate()
        with contextlib.suppress(AssertionError):
            self.run(lambda: cleanup(self.host))
        if self.proxy:
            self.proxy.stop()
        for guest in self.guests:
            self.sh(f'ip netns del {guest.namespace}', check=False)
        self._thread.shutdown()


class LabGuest:
    """A guest. Its namespace is `guest-...`, its device eth0."""

    def __init__(self, host: LabHost, port: Port) -> None:
        self.host = host
        self.port = port
        self.namespace = f'guest-{port.id[:8]}'
        host.sh(f'ip netns add {self.namespace}')
        host.sh(f'ip link add name {names.tap(port.id)} type veth peer name eth0 address {port.mac_address} netns {self.namespace}')
        self.sh('ip link set dev lo up')
        self.sh('ip link set dev eth0 up')

    def sh(self, command: str, check: bool = True) -> str:
        """Run a command in the guest."""
        return self.host.sh(command, namespace=self.namespace, check=check)

    def ok(self, command: str) -> bool:
        """Whether a command succeeds in the guest."""
        return self.host.ok(command, namespace=self.namespace)

    def ping(self, address: str, seconds: float = PATIENCE, more: str = '') -> bool:
        """Whether an address answers in this time."""
        return self.host.ping(address, seconds, self.namespace, more)

    def dhcp(self, tries: int = 15) -> dict[str, str]:
        """Get a lease; the variables that the client was given, empty if it got none. It asks for each `tries` times, a second apart."""
        script = self.host.folder / 'udhcpc.sh'
        script.write_text(UDHCPC_SCRIPT)
        script.chmod(0o755)
        log = self.host.folder / f'{self.namespace}.lease'
        log.unlink(missing_ok=True)
        got = self.ok(
            f'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LEASE_LOG={log} busybox udhcpc -i eth0 -n -q -f -t {tries} -T 1 -s {script} -O staticroutes -O mtu'
        )
        if not got:
            return {}
        return dict(line.split('=', 1) for line in log.read_text().splitlines() if '=' in line)

    def serve(self, port: int) -> subprocess.Popen[str]:
        """A program that accepts TCP connections on a port and echoes what it gets; it listens when this returns."""
        server = self.host.popen(['python3', '-c', ECHO_SERVER, str(port)], self.namespace)
        assert server.stdout is not None and server.stdout.readline() == 'ready\n'
        self.host.programs.append(server)
        return server

    def reaches(self, address: str, port: int, seconds: float = PATIENCE) -> bool:
        """Whether a TCP connection to there is accepted."""
        return self.host.reaches(address, port, seconds, self.namespace)

    def fetch(self, url: str, seconds: float = PATIENCE) -> str | None:
        """What a web server answers, None if it does not."""
        return self.host.fetch(url, seconds, self.namespace)

    def connect(self, address: str, port: int) -> LabConnection:
        """A connection that stays open."""
        client = self.host.popen(['python3', '-c', ECHO_CLIENT, address, str(port), str(PATIENCE)], self.namespace)
        self.host.programs.append(client)
        return LabConnection(client)


class TapGuest(LabGuest):
    """A guest on the real tap, as a hypervisor opens it: a program shovels frames between it and a tap in the guest."""

    def __init__(self, host: LabHost, port: Port) -> None:
        self.host = host
        self.port = port
        self.namespace = f'guest-{port.id[:8]}'
        host.sh(f'ip netns add {self.namespace}')
        self.program = host.popen(['python3', '-c', SHOVEL, names.tap(port.id), f'/run/netns/{self.namespace}', port.mac_address])
        assert self.program.stdout is not None and self.program.stdout.readline() == 'ready\n', self.program.stdout.read()
        host.programs.append(self.program)
        self.sh('ip link set dev lo up')


class LabConnection:
    """A TCP connection to an echo server, held by a program."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.program = program
        assert program.stdout is not None and program.stdout.readline() == 'ready\n'

    def echoes(self, seconds: float = PATIENCE) -> bool:
        """Whether what is sent comes back in this time."""
        assert self.program.stdin is not None and self.program.stdout is not None
        self.program.stdin.write(f'{seconds}\n')
        self.program.stdin.flush()
        return self.program.stdout.readline() == 'yes\n'
