"""Who may talk to whom: security groups, forged sources, isolation of networks from the host and from each other."""

from __future__ import annotations

import dataclasses
import itertools
import shutil

import pytest

from network.apply import firewall, names, routers, tables
from network.desired.model import AddressSet, Port, Rule
from tests.host.network.cloud import EGRESS, OPEN, PING, SSH, Cloud
from tests.host.network.lab import PATIENCE, SOON, LabGuest, LabHost, new_id

FORGE = """
import socket, struct, sys
kind, mac, source, target = sys.argv[1:5]
raw = lambda text: bytes.fromhex(text.replace(':', ''))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
if kind == 'arp':
    body = struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 2, raw(mac), socket.inet_aton(source), b'\\xff' * 6, socket.inet_aton(target))
    frame = b'\\xff' * 6 + raw(mac) + b'\\x08\\x06' + body
else:
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    total = sum(struct.unpack('!10H', head)); total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack('!H', ~total & 0xffff) + head[12:]
    ports = (67, 68) if kind == 'dhcp' else (7, 7)
    frame = b'\\xff' * 6 + raw(mac) + b'\\x08\\x00' + head + struct.pack('!HHHH', *ports, 8, 0)
    if kind == 'tagged': frame = frame[:12] + b'\\x81\\x00\\x00\\x05' + frame[12:]
s.send(frame)
"""
LISTEN = """
import select, socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(('eth0', 0))
print('ready', flush=True)
mac, source = bytes.fromhex(sys.argv[1].replace(':', '')), socket.inet_aton(sys.argv[2])
end = time.monotonic() + float(sys.stdin.readline())
seen = 'nothing'
while seen == 'nothing' and select.select([s], [], [], max(0, end - time.monotonic()))[0]:
    data, where = s.recvfrom(2000)
    if data[:12] == b'\\xff' * 6 + mac and source in data and where[2] != 4: seen = 'frame'
print(seen, flush=True)
"""


def pair(lab: LabHost, cloud: Cloud, rules: tuple[Rule, ...] = OPEN, **more: object) -> tuple[Port, Port, LabGuest, LabGuest]:
    network = cloud.network(1)
    ports = cloud.port(network, 11), cloud.port(network, 12, rules, **more)
    guests = [lab.guest(port) for port in ports]
    lab.apply(cloud.state())
    for guest in guests:
        guest.dhcp()
    return *ports, *guests


def forged_arrives(one: LabGuest, two: LabGuest, kind: str, mac: str, source: str, seconds: float = PATIENCE) -> bool:
    """Whether a frame that `one` makes up is seen by `two` in this time; what its kernel sends by itself, looking for IPv6 routers, is none."""
    listener = one.host.popen(['python3', '-c', LISTEN, mac, source], two.namespace)
    assert listener.stdout is not None and listener.stdout.readline() == 'ready\n'
    sender = one.host.popen(['python3', '-c', FORGE, kind, mac, source, '10.0.1.12'], one.namespace)
    sender.communicate()
    assert sender.returncode == 0, 'the frame was sent'
    out, _ = listener.communicate(f'{seconds}\n')
    return 'frame' in out


def test_what_no_group_lets_in_stays_out(lab: LabHost) -> None:
    _, _, one, two = pair(lab, Cloud(), (*EGRESS, SSH))
    two.serve(22)
    two.serve(23)
    assert one.reaches('10.0.1.12', 22)
    assert not one.reaches('10.0.1.12', 23, SOON)
    assert not one.ping('10.0.1.12', SOON)
    assert two.ping('10.0.1.11')


def test_without_egress_rules_nothing_leaves_but_dhcp(lab: LabHost) -> None:
    _, _, one, two = pair(lab, Cloud(), (PING,))
    assert '10.0.1.12' in two.sh('ip addr show dev eth0')
    assert not two.ping('10.0.1.11', SOON)
    assert one.ping('10.0.1.12')


def test_port_ranges_remote_networks_and_icmp_types(lab: LabHost) -> None:
    rules = (
        *EGRESS,
        Rule('ingress', protocol='tcp', port_min=8000, port_max=8010, remote='10.0.1.11/32'),
        Rule('ingress', protocol='tcp', port_min=9000, port_max=9000, remote='10.0.9.0/24'),
        Rule('ingress', protocol='icmp', port_min=13, port_max=0),
    )
    _, _, one, two = pair(lab, Cloud(), rules)
    for number in (8005, 8011, 9000):
        two.serve(number)
    assert one.reaches('10.0.1.12', 8005)
    assert not one.reaches('10.0.1.12', 8011, SOON)
    assert not one.reaches('10.0.1.12', 9000, SOON)
    assert not one.ping('10.0.1.12', SOON)


def test_remote_group_follows_its_members(lab: LabHost) -> None:
    cloud, group = Cloud(), new_id()
    cloud.address_sets = (AddressSet(group, ('10.0.1.11', 'fd00::1')),)
    _, _, one, two = pair(
        lab, cloud, (*EGRESS, Rule('ingress', protocol='tcp', remote_set=group), Rule('ingress', version=6, remote_set=group))
    )
    two.serve(80)
    assert one.reaches('10.0.1.12', 80)
    held = one.connect('10.0.1.12', 80)
    cloud.address_sets = (AddressSet(group, ('10.0.1.99',)),)
    lab.apply(cloud.state(), full=False)
    assert not held.echoes(SOON)
    assert not one.reaches('10.0.1.12', 80, SOON)
    cloud.address_sets = (AddressSet(group, ('10.0.1.99', '10.0.1.0/28')),)
    outcome = lab.apply(cloud.state(), full=False)
    assert one.reaches('10.0.1.12', 80)
    assert not any('iptables' in change for change in outcome.changes)


def test_withdrawn_rule_cuts_connections_and_another_change_does_not(lab: LabHost) -> None:
    cloud = Cloud()
    _, port, one, two = pair(lab, cloud, (*EGRESS, SSH, PING))
    two.serve(22)
    held = one.connect('10.0.1.12', 22)
    port = cloud.change_port(port, rules=(*EGRESS, SSH, PING, Rule('ingress', protocol='tcp', port_min=80, port_max=80)))
    lab.apply(cloud.state(), full=False)
    assert held.echoes()
    cloud.change_port(port, rules=(*EGRESS, PING))
    lab.apply(cloud.state(), full=False)
    assert not held.echoes(SOON)


def test_connections_to_be_cut_are_cut_by_the_next_agent_when_one_is_killed(lab: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud()
    _, port, one, two = pair(lab, cloud, (*EGRESS, SSH))
    two.serve(22)
    held = one.connect('10.0.1.12', 22)
    cloud.change_port(port, rules=EGRESS)
    state = cloud.state()
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr('network.apply.filtering.conntrack.cut', killed)
        with pytest.raises(KeyboardInterrupt):
            lab.apply(state)
    assert held.echoes()
    lab.use(lab.reconciler.settings)
    lab.apply(state)
    assert not held.echoes(SOON)


@pytest.mark.parametrize('kind', ['udp', 'arp', 'dhcp', 'tagged'])
def test_forged_frames_do_not_arrive(lab: LabHost, kind: str) -> None:
    cloud = Cloud()
    port, _, one, two = pair(lab, cloud, (*OPEN, Rule('ingress')))
    own = port.mac_address
    if kind in ('udp', 'arp'):
        assert forged_arrives(one, two, kind, own, '10.0.1.11')
        assert not forged_arrives(one, two, kind, own, '10.0.1.77', SOON)
        assert not forged_arrives(one, two, kind, 'fa:16:3e:00:00:99', '10.0.1.11', SOON)
        cloud.change_port(port, allowed_pairs=(('', '10.0.1.76/31'), ('fa:16:3e:00:00:99', '10.0.1.11')))
        lab.apply(cloud.state(), full=False)
        assert forged_arrives(one, two, kind, own, '10.0.1.77')
        assert forged_arrives(one, two, kind, 'fa:16:3e:00:00:99', '10.0.1.11')
    else:
        assert not forged_arrives(one, two, kind, own, '10.0.1.11', SOON)
    cloud.change_port(port, port_security=False, rules=())
    lab.apply(cloud.state(), full=False)
    assert forged_arrives(one, two, kind, own, '10.0.1.77')


def test_port_without_security_is_open_both_ways(lab: LabHost) -> None:
    _, _, one, two = pair(lab, Cloud(), (), port_security=False)
    assert one.ping('10.0.1.12') and two.ping('10.0.1.11')


def test_same_addresses_in_two_networks_do_not_meet(lab: LabHost) -> None:
    cloud = Cloud()
    guests = []
    for _ in range(2):
        network = cloud.network(1)
        guests.append([lab.guest(cloud.port(network, last, (*EGRESS, Rule('ingress', protocol='tcp')))) for last in (11, 12)])
    for number, network in enumerate(cloud.networks.values()):
        cloud.change_network(network.id, segmentation_id=200 + number)
    lab.apply(cloud.state())
    for guest in [*guests[0], *guests[1]]:
        guest.dhcp()
    guests[0][1].serve(23)
    held = []
    for one, two in guests:
        two.serve(22)
        held.append(one.connect('10.0.1.12', 22))
    assert all(connection.echoes() for connection in held)
    assert guests[0][0].reaches('10.0.1.12', 23) and not guests[1][0].reaches('10.0.1.12', 23, SOON)
    zones = {line.split('zone=')[1].split()[0] for line in lab.sh('conntrack -L -p tcp', check=False).splitlines() if 'zone=' in line}
    assert len(zones) == 2


def test_guests_cannot_reach_the_host(lab: LabHost) -> None:
    lab.sh('ip addr add 198.51.100.1/32 dev lo')
    cloud = Cloud()
    port, _, one, _ = pair(lab, cloud)
    bridge = names.bridge(port.network_id)
    mac = lab.sh(f'cat /sys/class/net/{bridge}/address').strip() if lab.ok(f'test -e /sys/class/net/{bridge}') else ''
    mac = mac or lab.sh(f'ip -o link show dev {bridge}').split('link/ether ')[1].split()[0]
    one.sh(f'ip neigh replace 10.0.1.200 lladdr {mac} dev eth0')
    one.sh('ip route replace 198.51.100.1/32 via 10.0.1.200 dev eth0')
    assert not one.ping('198.51.100.1', SOON)
    assert lab.sh(f'ip -o addr show dev {bridge}').strip() == ''


def test_rule_that_the_kernel_refuses_closes_its_port_and_no_other(lab: LabHost) -> None:
    cloud = Cloud()
    port, other, one, two = pair(lab, cloud)
    lab.apply(cloud.state())
    bad = cloud.change_port(other, rules=(*OPEN, Rule('ingress', protocol='no-such-protocol')))
    third = cloud.port(port.network_id, 13)
    guest = lab.guest(third)
    outcome = lab.apply(cloud.state(), full=False)
    assert outcome.ports[bad.id] == 'DOWN' and outcome.ports[third.id] == 'ACTIVE'
    assert any(bad.id[:11] in problem for problem in outcome.problems)
    guest.dhcp()
    assert guest.ping('10.0.1.11') and not guest.ping('10.0.1.12', SOON)


def test_many_ports_load_at_once(lab: LabHost) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    rules = (*OPEN, *(Rule('ingress', protocol='tcp', port_min=n, port_max=n) for n in range(1000, 1010)))
    for last in range(20, 100):
        cloud.port(network, last, rules)
    outcome = lab.apply(cloud.state())
    assert len([s for s in outcome.ports.values() if s == 'ACTIVE']) == 81
    assert lab.apply(cloud.state()).changes == []
    gone = next(iter(cloud.ports))
    del cloud.ports[gone]
    outcome = lab.apply(dataclasses.replace(cloud.state()), full=False)
    assert gone not in outcome.ports and f'deleted device {names.tap(gone)}' in ' '.join(outcome.changes)


@pytest.mark.parametrize('backend', ['nft', 'legacy'])
def test_rules_are_written_as_the_save_commands_print_them(lab: LabHost, backend: str) -> None:
    if not shutil.which(f'iptables-{backend}-restore'):
        pytest.skip(f'iptables of this machine has no {backend} backend')
    cloud = Cloud()
    network, outside = cloud.network(1), cloud.external()
    ported = ('tcp', 'udp', 'sctp', 'dccp', 'udplite')
    others = ('icmp', '112', '47', 'igmp', 'ah', 'esp', '4', '41', '43', '2', '89', '113', '46', '8')
    rules = []
    for direction, (version, remotes) in itertools.product(
        ('ingress', 'egress'), ((4, ('10.1.0.0/16', '10.1.1.1/32')), (6, ('fd00::/8', 'fd00::1/128')))
    ):
        for remote in (None, *remotes):
            rules += [
                Rule(direction, version, name, low, high, remote) for name in ported for low, high in ((None, None), (22, 22), (1, 65535))
            ]
            rules += [Rule(direction, version, name, remote=remote) for name in others]
            rules.append(Rule(direction, version, 'icmp', 8, 0, remote))
    port = cloud.port(network, 5, tuple(rules))
    cloud.floating(cloud.router(network, external=outside), '172.24.4.9', port)
    state = cloud.state()
    inside = routers.interior(state.routers[0], {n.id: n for n in state.networks}, print).rules['iptables']
    gateways = [firewall.HostGateway(outside, ('172.24.4.0/24',))]
    for family, wanted in (
        ('iptables', firewall.ruleset(4, state.ports, {network: 5}, gateways)),
        ('iptables', inside),
        ('ip6tables', firewall.ruleset(6, state.ports, {network: 5}, gateways)),
    ):
        text = tables.plan(wanted, tables.parse(lab.sh(f'{family}-{backend}-save')))
        lab.sh(f'{family}-{backend}-restore -w 10 -n', stdin=text)
        assert tables.plan(wanted, tables.parse(lab.sh(f'{family}-{backend}-save'))) == ''
