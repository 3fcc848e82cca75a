"""The agent repairs what was done to the host behind its back, changes nothing twice, and leaves nothing when told to go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from network.apply import dnsmasq, names
from network.apply.cleanup import cleanup
from network.apply.reconcile import Settings
from network.metadata_proxy import MetadataProxy
from tests.host.network.cloud import Cloud
from tests.host.network.lab import SOON, LabGuest, LabHost
from tests.host.network.test_connectivity import echo


class Running:
    """Two guests on a routed network with a floating address, in use."""

    def __init__(self, lab: LabHost) -> None:
        self.lab = lab
        self.cloud = Cloud()
        self.private = self.cloud.network(1)
        self.alone = self.cloud.network(2, metadata=True, gateway=False)
        self.outside = self.cloud.external()
        self.ports = [self.cloud.port(self.private, 11), self.cloud.port(self.private, 12), self.cloud.port(self.alone, 13)]
        self.router = self.cloud.router(self.private, external=self.outside)
        self.cloud.floating(self.router, '172.24.4.50', self.ports[0])
        self.guests: list[LabGuest] = [lab.guest(port) for port in self.ports]
        self.state = self.cloud.state()
        lab.use(Settings(tunnel_ip='127.0.0.1'), MetadataProxy(echo))
        lab.apply(self.state)
        for guest in self.guests:
            guest.dhcp()
        self.guests[0].serve(22)
        self.held = lab.connect('172.24.4.50', 22)
        self.neighbour = self.guests[1].connect('10.0.1.11', 22)

    def lacking(self) -> list[str]:
        """What the guests need and do not have."""
        web = 'http://169.254.169.254/'
        wanted = {
            'neighbour': self.guests[1].ping('10.0.1.11'),
            'outside': self.guests[0].ping('172.24.4.1'),
            'floating address': self.lab.reaches('172.24.4.50', 22),
            'filter': not self.lab.reaches('172.24.4.50', 23, SOON),
            'lease': self.guests[2].dhcp().get('ip') == '10.0.2.13',
            'metadata by the router': self.guests[0].fetch(web) == 'router 10.0.1.11 /',
            'metadata by the DHCP server': self.guests[2].fetch(web) == 'network 10.0.2.13 /',
        }
        return [name for name, there in wanted.items() if not there]


@pytest.fixture
def running(lab: LabHost) -> Running:
    return Running(lab)


def test_second_pass_changes_nothing_nor_does_that_of_a_new_agent(running: Running) -> None:
    assert running.lacking() == []
    assert running.lab.apply(running.state).changes == []
    assert running.lab.apply(running.state, full=False).changes == []
    before = running.lab.host.reads
    running.lab.apply(running.state, full=False)
    assert running.lab.host.reads - before <= 8
    running.lab.use(Settings(tunnel_ip='127.0.0.1'))
    assert running.lab.apply(running.state).changes == []
    assert running.held.echoes() and running.neighbour.echoes()


def flush_iptables(r: Running) -> None:
    for family in ('iptables', 'ip6tables'):
        for table in ('filter', 'nat', 'raw', 'mangle'):
            r.lab.sh(f'{family} -t {table} -F')
            r.lab.sh(f'{family} -t {table} -X')


def flush_ebtables(r: Running) -> None:
    r.lab.sh('ebtables -t nat -F')
    r.lab.sh('ebtables -t nat -X')


def flush_router(r: Running) -> None:
    namespace = names.router_namespace(r.router)
    for table in ('filter', 'nat', 'mangle'):
        r.lab.sh(f'iptables -t {table} -F', namespace=namespace)


def delete_bridge(r: Running) -> None:
    r.lab.sh(f'ip link del {names.bridge(r.private)}')


def delete_external_bridge(r: Running) -> None:
    r.lab.sh(f'ip link del {names.bridge(r.outside)}')


def delete_router_namespace(r: Running) -> None:
    r.lab.sh(f'ip netns del {names.router_namespace(r.router)}')


def delete_dhcp_namespaces(r: Running) -> None:
    for network in (r.private, r.alone):
        r.lab.sh(f'ip netns del {names.dhcp_namespace(network)}')


def kill_dhcp_servers(r: Running) -> None:
    for network in (r.private, r.alone):
        process = dnsmasq.find(r.lab.host, network)
        assert process
        os.kill(process, signal.SIGKILL)


def take_addresses(r: Running) -> None:
    gateway = r.cloud.routers[r.router].gateway
    assert gateway
    r.lab.sh(f'ip addr flush dev {names.gateway_end(gateway.port_id)}', namespace=names.router_namespace(r.router))
    r.lab.sh('ip addr flush dev lo', namespace=names.router_namespace(r.router))
    r.lab.sh(f'ip addr flush dev {names.bridge(r.outside)}')


def unplug_everything(r: Running) -> None:
    for name in r.lab.sh('ls /proc/sys/net/ipv4/conf').split():
        if name.startswith(('plt', 'plv')):
            r.lab.sh(f'ip link set dev {name} down nomaster')


def delete_router_end(r: Running) -> None:
    interface = r.cloud.routers[r.router].interfaces[0]
    r.lab.sh(f'ip link del {names.veth(interface.port_id)}')


def change_settings(r: Running) -> None:
    r.lab.sh('busybox sysctl -w net.ipv4.ip_forward=0')
    r.lab.sh('busybox sysctl -w net.ipv4.ip_forward=0', namespace=names.router_namespace(r.router))


def empty_files(r: Running) -> None:
    for network in (r.private, r.alone):
        for name in ('hosts', 'options'):
            (dnsmasq.folder(r.lab.host, network) / name).write_text('')


def foreign_rules(r: Running) -> None:
    r.lab.sh('iptables -I pl-fwd -j DROP')
    r.lab.sh('iptables -t raw -A pl-zone -i lo -j CT --zone 9')
    r.lab.sh('iptables -I FORWARD -j pl-fwd')
    r.lab.sh('iptables -N pl-stranger')
    r.lab.sh('iptables -A OUTPUT -j pl-stranger')


KEEPS_CONNECTIONS = [
    flush_iptables, flush_ebtables, flush_router, delete_bridge, delete_external_bridge, delete_dhcp_namespaces, kill_dhcp_servers, take_addresses,
    unplug_everything, delete_router_end, change_settings, empty_files, foreign_rules,
]  # fmt: skip


@pytest.mark.parametrize('damage', KEEPS_CONNECTIONS, ids=lambda f: f.__name__)
def test_damage_is_repaired_in_one_pass_and_connections_go_on(running: Running, damage: Callable[[Running], None]) -> None:
    damage(running)
    outcome = running.lab.apply(running.state)
    assert outcome.changes and outcome.problems == []
    assert running.lacking() == []
    assert running.held.echoes() and running.neighbour.echoes()
    assert running.lab.apply(running.state).changes == []


def test_deleted_router_is_made_again_in_one_pass(running: Running) -> None:
    delete_router_namespace(running)
    running.lab.apply(running.state, full=False)
    assert running.lacking() == [] and running.neighbour.echoes()
    assert running.lab.apply(running.state).changes == []


def test_rules_and_devices_of_others_are_left_alone(running: Running) -> None:
    lab = running.lab
    lab.sh('iptables -N theirs')
    lab.sh('iptables -A FORWARD -j theirs')
    lab.sh('iptables -t nat -A POSTROUTING -s 203.0.113.0/24 -j MASQUERADE')
    lab.sh('ip link add name plumbing type bridge')
    lab.sh('ip netns add place')
    lab.sh('ipset create theirs hash:ip')
    assert lab.apply(running.state).changes == []
    lab.run(lambda: cleanup(lab.host))
    rules = lab.sh('iptables-save')
    assert '-A FORWARD -j theirs' in rules and '-s 203.0.113.0/24' in rules and 'pl-' not in rules
    assert lab.ok('ip link show dev plumbing') and 'place' in lab.sh('ip netns list') and 'theirs' in lab.sh('ipset save')


def test_cleanup_leaves_nothing(running: Running) -> None:
    lab = running.lab
    held = lab.sh('cat /proc/sys/net/ipv4/ip_forward').strip()
    lab.run(lambda: cleanup(lab.host))
    assert lab.host.problems == []
    saved = ''.join(lab.sh(f'{family}-save') for family in ('iptables', 'ip6tables', 'ebtables')) + lab.sh('ipset save')
    assert 'pl-' not in saved
    assert [line for line in lab.sh('ip -br link').splitlines() if line.startswith(('pl', 'guest'))] == []
    assert [name for name in lab.sh('ip netns list').split() if name.startswith('pl-')] == []
    assert dnsmasq.find(lab.host, running.private) is None
    assert (held, lab.sh('cat /proc/sys/net/ipv4/ip_forward').strip()) == ('1', '0')
    assert [entry.name for entry in lab.host.state_dir.iterdir()] == []
    assert lab.run(lambda: cleanup(lab.host)) == []


@pytest.mark.slow
def test_agent_killed_at_any_command_leaves_a_host_that_the_next_pass_repairs(lab: LabHost) -> None:
    cloud = Cloud()
    one, outside = cloud.network(1), cloud.external()
    ports = [cloud.port(one, 11), cloud.port(one, 12)]
    router = cloud.router(one, external=outside)
    cloud.floating(router, '172.24.4.50', ports[0])
    guests = [lab.guest(port) for port in ports]
    state = cloud.state()
    done = 0
    while True:
        finished = False
        lab.use(Settings())
        lab.reconciler.host = lab.host
        limit = len_changes(lab, done)
        try:
            lab.apply(state)
            finished = True
        except KeyboardInterrupt:
            done += 1
        finally:
            limit()
        if finished:
            break
        lab.use(Settings())
        outcome = lab.apply(state)
        assert outcome.problems == []
        assert lab.apply(state).changes == []
        lab.run(lambda: cleanup_but_guests(lab, guests))
    assert done > 10
    for guest in guests:
        guest.dhcp()
    assert guests[0].ping('10.0.1.12') and lab.ping('172.24.4.50')


def len_changes(lab: LabHost, allowed: int) -> Callable[[], None]:
    """Let the agent make so many changes and then die."""
    original = lab.host.note
    made = 0

    def note(why: str) -> None:
        nonlocal made
        if made >= allowed:
            raise KeyboardInterrupt
        made += 1
        original(why)

    lab.host.note = note  # type: ignore[method-assign]

    def undo() -> None:
        lab.host.note = original  # type: ignore[method-assign]

    return undo


def cleanup_but_guests(lab: LabHost, guests: list[LabGuest]) -> None:
    """Everything goes but the devices that stand in the place of taps."""
    taps = {names.tap(guest.port.id) for guest in guests}
    keep = {name: name.replace('plt', 'hid') for name in taps}
    for name, other in keep.items():
        lab.sh(f'ip link set dev {name} down')
        lab.sh(f'ip link set dev {name} nomaster name {other}')
    cleanup(lab.host)
    for name, other in keep.items():
        lab.sh(f'ip link set dev {other} name {name}')


def test_agent_as_a_program_on_a_file(lab: LabHost) -> None:
    from network.agent import as_json

    cloud = Cloud()
    port = cloud.port(cloud.network(1), 11)
    guest = lab.guest(port)
    file = lab.folder / 'desired.json'
    file.write_text(as_json(cloud.state()))
    words = [sys.executable, '-m', 'network.agent_program', '--state-dir', str(lab.folder / 'agent')]

    def program(*more: str) -> str:
        done = lab.run(lambda: subprocess.run([*words, *more], capture_output=True, text=True, check=False, timeout=60, cwd=Path.cwd()))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert 'made device' in program('--desired', str(file), '--once')
    assert guest.dhcp()['ip'] == '10.0.1.11'
    assert 'nothing to change' in program('--desired', str(file), '--once')
    assert 'deleted device' in program('--cleanup')
    assert 'pl-' not in lab.sh('iptables-save')
