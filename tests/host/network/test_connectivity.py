"""What guests of a host can do: leases, neighbours, routers, floating addresses, metadata."""

from __future__ import annotations

import dataclasses

from network.apply import dnsmasq, names
from network.apply.reconcile import Settings
from network.apply.spoofing import link_local
from network.desired.model import Address, Rule, Subnet
from network.metadata_http import Request
from network.metadata_proxy import MetadataProxy
from tests.host.network.cloud import EGRESS, OPEN, Cloud
from tests.host.network.lab import SOON, LabHost, TapGuest, eventually


def echo(place: tuple[str, str], address: str, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    return 200, [], f'{place[0]} {address} {request.target}'.encode()


def test_lease_tells_address_router_resolver_and_mtu(lab: LabHost) -> None:
    cloud = Cloud()
    port = cloud.port(cloud.network(1), 11)
    guest = lab.guest(port)
    lab.apply(cloud.state())
    lease = guest.dhcp()
    assert (lease['ip'], lease['router'], lease['dns'], lease['mtu']) == ('10.0.1.11', '10.0.1.1', '192.0.2.53', '1450')
    assert lease['hostname'] == 'host-10-0-1-11' and lease['domain'] == 'pileus.test'


def test_stranger_gets_no_lease(lab: LabHost) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    port = cloud.port(network, 11, port_security=False)
    guest = lab.guest(port)
    guest.sh('ip link set dev eth0 address fa:16:3e:ff:ff:01')
    lab.apply(cloud.state())
    assert guest.dhcp(tries=2) == {}


def test_new_port_gets_its_lease_without_a_restart_and_may_have_the_address_of_a_deleted_one(lab: LabHost) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    first = cloud.port(network, 11)
    guest = lab.guest(first)
    lab.apply(cloud.state())
    assert guest.dhcp()['ip'] == '10.0.1.11'
    del cloud.ports[first.id]
    second = cloud.port(network, 11)
    outcome_guest = lab.guest(second)
    outcome = lab.apply(cloud.state(), full=False)
    assert not any('started DHCP' in change for change in outcome.changes)
    assert outcome_guest.dhcp().get('ip') == '10.0.1.11'


def test_resolver_knows_the_guests_and_asks_nobody_else(lab: LabHost) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    port = cloud.port(network, 11)
    guest = lab.guest(port)
    lab.apply(cloud.state())
    guest.dhcp()
    assert '10.0.1.11' in guest.sh('busybox nslookup host-10-0-1-11.pileus.test 10.0.1.2', check=False)
    assert not guest.ok('busybox nslookup example.com 10.0.1.2')


def test_ping_between_networks_through_the_router_and_to_the_outside(lab: LabHost) -> None:
    cloud = Cloud()
    one, two, outside = cloud.network(1), cloud.network(2), cloud.external()
    ports = [cloud.port(one, 11), cloud.port(one, 12), cloud.port(two, 13)]
    cloud.router(one, two, external=outside)
    guests = [lab.guest(port) for port in ports]
    outcome = lab.apply(cloud.state())
    assert set(outcome.ports.values()) == {'ACTIVE'} and outcome.problems == []
    for guest in guests:
        guest.dhcp()
    assert guests[0].ping('10.0.1.12') and guests[0].ping('10.0.2.13') and guests[2].ping('10.0.1.11')
    assert guests[0].ping('172.24.4.1')
    assert lab.sh('cat /proc/sys/net/ipv4/ip_forward').strip() == '1'


def test_floating_address_from_the_host_from_a_neighbour_and_from_itself(lab: LabHost) -> None:
    cloud = Cloud()
    one, two, outside = cloud.network(1), cloud.network(2), cloud.external()
    ports = [cloud.port(one, 11), cloud.port(one, 12), cloud.port(two, 13)]
    router = cloud.router(one, two, external=outside)
    cloud.floating(router, '172.24.4.50', ports[0])
    guests = [lab.guest(port) for port in ports]
    lab.apply(cloud.state())
    for guest in guests:
        guest.dhcp()
    guests[0].serve(22)
    assert lab.ping('172.24.4.50')
    assert lab.reaches('172.24.4.50', 22)
    assert all(guest.reaches('172.24.4.50', 22) for guest in guests)


def test_floating_address_moves_and_cuts_what_went_through_it(lab: LabHost) -> None:
    cloud = Cloud()
    one, outside = cloud.network(1), cloud.external()
    ports = [cloud.port(one, 11), cloud.port(one, 12)]
    router = cloud.router(one, external=outside)
    cloud.floating(router, '172.24.4.50', ports[0])
    guests = [lab.guest(port) for port in ports]
    lab.apply(cloud.state())
    for guest in guests:
        guest.dhcp()
    guests[0].serve(22)
    assert lab.reaches('172.24.4.50', 22)
    through = lab.connect('172.24.4.50', 22)
    assert through.echoes()
    cloud.floating(router, '172.24.4.50', ports[1])
    lab.apply(cloud.state(), full=False)
    assert not through.echoes(SOON)
    assert not lab.reaches('172.24.4.50', 22, SOON)
    guests[1].serve(22)
    assert lab.reaches('172.24.4.50', 22)
    cloud.change_router(router, floating_ips=())
    lab.apply(cloud.state(), full=False)
    assert not lab.ping('172.24.4.50', SOON)


def test_host_masquerades_the_external_network_to_the_world(lab: LabHost) -> None:
    cloud = Cloud()
    one, outside = cloud.network(1), cloud.external()
    port = cloud.port(one, 11)
    cloud.router(one, external=outside)
    lab.sh('ip netns add world')
    lab.sh('ip link add name uplink type veth peer name eth0 netns world')
    lab.sh('ip addr add 198.51.100.1/24 dev uplink')
    lab.sh('ip link set dev uplink up')
    lab.sh('ip addr add 198.51.100.2/24 dev eth0', namespace='world')
    lab.sh('ip link set dev eth0 up', namespace='world')
    guest = lab.guest(port)
    lab.apply(cloud.state())
    guest.dhcp()
    assert guest.ping('198.51.100.2')
    lab.use(Settings(masquerade=False))
    lab.apply(cloud.state())
    lab.sh('conntrack -F')
    assert not guest.ping('198.51.100.2', SOON)


def test_metadata_through_the_router_and_on_a_network_without_one(lab: LabHost) -> None:
    cloud = Cloud()
    routed, alone = cloud.network(1), cloud.network(2, metadata=True, gateway=False)
    ports = [cloud.port(routed, 11), cloud.port(alone, 12)]
    cloud.router(routed, external=cloud.external())
    guests = [lab.guest(port) for port in ports]
    lab.use(Settings(), MetadataProxy(echo))
    lab.apply(cloud.state())
    leases = [guest.dhcp() for guest in guests]
    assert guests[0].fetch('http://169.254.169.254/latest/x') == 'router 10.0.1.11 /latest/x'
    assert '169.254.169.254/32 10.0.2.2' in leases[1]['staticroutes']
    assert guests[1].fetch('http://169.254.169.254/latest/x') == 'network 10.0.2.12 /latest/x'
    # Nobody on the external network is served.
    assert lab.fetch('http://172.24.4.10/', SOON) is None
    lab.sh('ip route add 169.254.169.254/32 via 172.24.4.10')
    assert lab.fetch('http://169.254.169.254/', SOON) is None


def test_extra_routes_and_host_routes(lab: LabHost) -> None:
    cloud = Cloud()
    one, two = cloud.network(1), cloud.network(2)
    ports = [cloud.port(one, 11), cloud.port(two, 12)]
    router = cloud.router(one, two)
    cloud.change_router(router, routes=(('203.0.113.0/24', '10.0.2.12'), ('198.51.100.0/24', '192.0.2.1')))
    subnet = cloud.networks[one].subnets[0]
    cloud.change_network(one, subnets=(dataclasses.replace(subnet, host_routes=(('192.0.2.128/25', '10.0.1.9'),)),))
    cloud.change_port(ports[1], allowed_pairs=(('', '203.0.113.0/24'),))
    guests = [lab.guest(port) for port in ports]
    outcome = lab.apply(cloud.state())
    assert any('198.51.100.0/24' in problem for problem in outcome.problems)
    leases = [guest.dhcp() for guest in guests]
    assert '192.0.2.128/25 10.0.1.9' in leases[0]['staticroutes'] and '0.0.0.0/0 10.0.1.1' in leases[0]['staticroutes']
    guests[1].sh('ip addr add 203.0.113.5/32 dev lo')
    assert guests[0].ping('203.0.113.5')
    cloud.change_router(router, routes=())
    lab.apply(cloud.state(), full=False)
    assert not guests[0].ping('203.0.113.5', SOON)


def test_router_and_ports_that_are_switched_off(lab: LabHost) -> None:
    cloud = Cloud()
    one, two = cloud.network(1), cloud.network(2)
    ports = [cloud.port(one, 11), cloud.port(two, 12)]
    router = cloud.router(one, two)
    guests = [lab.guest(port) for port in ports]
    lab.apply(cloud.state())
    for guest in guests:
        guest.dhcp()
    assert guests[0].ping('10.0.2.12')
    cloud.change_router(router, admin_state_up=False)
    lab.apply(cloud.state(), full=False)
    assert not guests[0].ping('10.0.2.12', SOON)
    cloud.change_router(router, admin_state_up=True)
    lab.apply(cloud.state(), full=False)
    assert guests[0].ping('10.0.2.12')
    cloud.change_port(ports[1], admin_state_up=False)
    outcome = lab.apply(cloud.state(), full=False)
    assert outcome.ports[ports[1].id] == 'DOWN' and outcome.ports[ports[0].id] == 'ACTIVE'
    assert not guests[0].ping('10.0.2.12', SOON)


def test_second_address_family(lab: LabHost) -> None:
    cloud = Cloud()
    one = cloud.network(1)
    six = Subnet('6' * 36, 'fd00:1::/64', version=6, gateway_ip='fd00:1::1', ipv6_address_mode='dhcpv6-stateful')
    cloud.change_network(one, subnets=(*cloud.networks[one].subnets, six))
    rules = (Rule('egress', version=6), Rule('ingress', version=6, protocol='icmp', port_min=128))
    ports = [cloud.port(one, last, rules) for last in (11, 12)]
    ports = [cloud.change_port(p, addresses=(*p.addresses, Address(f'fd00:1::{p.addresses[0].ip[-2:]}', 64, six.id))) for p in ports]
    guests = [lab.guest(port) for port in ports]
    lab.apply(cloud.state())
    for guest, port in zip(guests, ports, strict=True):
        guest.sh(f'ip addr add {port.addresses[1].ip}/64 dev eth0 nodad')
    assert guests[0].ping('fd00:1::12')
    cloud.change_port(ports[1], rules=rules[:1])
    lab.apply(cloud.state(), full=False)
    assert not guests[0].ping('fd00:1::12', SOON)


def test_taps_are_persistent_and_have_the_mtu_of_the_network(lab: LabHost) -> None:
    cloud = Cloud()
    port = cloud.port(cloud.network(1), 11)
    outcome = lab.apply(cloud.state())
    assert outcome.ports[port.id] == 'ACTIVE'
    shown = lab.sh(f'ip -d link show dev {names.tap(port.id)}')
    assert 'tun type tap' in shown and 'persist on' in shown and 'mtu 1450' in shown
    assert f'master {names.bridge(port.network_id)}' in shown


def test_vxlan_network_over_two_hosts_and_a_guest_that_moves(lab: LabHost, another_lab: LabHost) -> None:
    lab.wire(another_lab, '192.0.2.1/24', '192.0.2.2/24')
    hosts = {'h1': lab, 'h2': another_lab}
    tunnels = {'h1': '192.0.2.1', 'h2': '192.0.2.2'}
    cloud = Cloud()
    network = cloud.network(1)
    first, second = cloud.port(network, 11), cloud.port(network, 12)
    where = {first.id: 'h1', second.id: 'h2'}

    def apply() -> None:
        for name, host in hosts.items():
            cloud.change_network(network, peers=tuple(ip for other, ip in tunnels.items() if other != name))
            state = cloud.state(name, [p for p in cloud.ports.values() if where[p.id] == name])
            outcome = host.apply(state if name == 'h1' else dataclasses.replace(state, dhcp=()), full=False)
            assert outcome.problems == []

    for name, host in hosts.items():
        host.use(Settings(tunnel_ip=tunnels[name]))
    guests = [lab.guest(first), another_lab.guest(second)]
    apply()
    assert guests[1].dhcp()['ip'] == '10.0.1.12' and guests[0].dhcp()['ip'] == '10.0.1.11'
    assert guests[0].ping('10.0.1.12') and guests[1].ping('10.0.1.11')
    guests[1].serve(22)
    assert guests[0].reaches('10.0.1.12', 22)
    assert guests[0].ping('10.0.1.12', more='-M do -s 1422')
    # The first guest moves over to the second host: same port, another tap.
    where[first.id] = 'h2'
    lab.sh(f'ip netns del {guests[0].namespace}')
    moved = another_lab.guest(first)
    apply()
    moved.dhcp()
    assert moved.ping('10.0.1.12') and moved.ping('10.0.1.2')


def test_flat_network_over_a_bridge_and_a_card_of_the_operator(lab: LabHost) -> None:
    cloud = Cloud()
    bridged = cloud.network(1, dhcp=False, kind='flat', physical_network='one', mtu=1500)
    carded = cloud.network(2, dhcp=False, kind='flat', physical_network='two', mtu=1500)
    lost = cloud.network(3, dhcp=False, kind='flat', physical_network='three', mtu=1500)
    ports = [cloud.port(bridged, 11), cloud.port(carded, 12), cloud.port(lost, 13)]
    lab.sh('ip link add name br-office type bridge')
    lab.sh('ip addr add 10.0.1.99/24 dev br-office')
    lab.sh('ip link set dev br-office up')
    lab.sh('ip netns add office')
    lab.sh('ip link add name card type veth peer name eth0 netns office')
    lab.sh('ip addr add 10.0.2.99/24 dev eth0', namespace='office')
    lab.sh('ip link set dev eth0 up', namespace='office')
    guests = [lab.guest(port) for port in ports]
    lab.use(Settings(physical={'one': 'br-office', 'two': 'card'}))
    outcome = lab.apply(cloud.state())
    assert len(outcome.problems) == 1 and "'three'" in outcome.problems[0]
    for guest, port in zip(guests, ports, strict=True):
        guest.sh(f'ip addr add {port.addresses[0].ip}/24 dev eth0')
    assert guests[0].ping('10.0.1.99') and guests[1].ping('10.0.2.99')
    assert lab.apply(cloud.state()).changes == []
    cloud.networks, cloud.ports = {}, {}
    lab.apply(cloud.state())
    assert 'master' not in lab.sh('ip link show dev card') and lab.ok('ip link show dev br-office')


def test_card_with_addresses_is_not_taken(lab: LabHost) -> None:
    cloud = Cloud()
    cloud.network(1, dhcp=False, kind='flat', physical_network='one')
    lab.sh('ip link add name card type veth peer name other')
    lab.sh('ip addr add 198.51.100.9/24 dev card')
    lab.use(Settings(physical={'one': 'card'}))
    outcome = lab.apply(cloud.state())
    assert any('card' in problem and '198.51.100.9/24' in problem for problem in outcome.problems)
    assert 'master' not in lab.sh('ip link show dev card')


def test_guests_on_real_taps(lab: LabHost) -> None:
    cloud = Cloud()
    one, outside = cloud.network(1), cloud.external()
    ports = [cloud.port(one, 11), cloud.port(one, 12)]
    router = cloud.router(one, external=outside)
    cloud.floating(router, '172.24.4.50', ports[0])
    lab.apply(cloud.state())
    guests = [TapGuest(lab, port) for port in ports]
    assert lab.apply(cloud.state()).changes == []
    assert [guest.dhcp().get('ip') for guest in guests] == ['10.0.1.11', '10.0.1.12']
    assert guests[0].ping('10.0.1.12')
    guests[0].serve(22)
    guests[0].serve(23)
    assert lab.reaches('172.24.4.50', 22) and guests[1].reaches('10.0.1.11', 22)
    assert not guests[1].reaches('10.0.1.11', 23, SOON)
    held = guests[1].connect('10.0.1.11', 22)
    lab.sh(f'ip link del {names.bridge(one)}')
    lab.apply(cloud.state())
    assert held.echoes()
    # The hypervisor lets go of the tap: it stays, for the guest's next start.
    guests[0].program.kill()
    guests[0].program.wait()
    assert lab.apply(cloud.state()).ports[ports[0].id] == 'ACTIVE'


def test_guest_makes_its_own_ipv6_address_from_what_the_router_says(lab: LabHost) -> None:
    cloud = Cloud()
    one, two = cloud.network(1), cloud.network(2)
    subnets = {}
    for number, network in enumerate((one, two), 1):
        values = {'version': 6, 'gateway_ip': f'fd00:{number}::1', 'ipv6_ra_mode': 'slaac', 'ipv6_address_mode': 'slaac'}
        subnets[network] = Subnet(f'{number}' * 36, f'fd00:{number}::/64', **values)
        cloud.change_network(network, subnets=(*cloud.networks[network].subnets, subnets[network]))
    rules = (*OPEN, Rule('ingress', version=6))
    ports = []
    for network in (one, two):
        port = cloud.port(network, 11, rules)
        own = link_local(port.mac_address).replace('fe80::', subnets[network].cidr.removesuffix('/64'))
        ports.append(cloud.change_port(port, addresses=(*port.addresses, Address(own, 64, subnets[network].id))))
    router = cloud.router(one, two)
    interfaces = cloud.routers[router].interfaces
    cloud.change_router(
        router,
        interfaces=tuple(
            dataclasses.replace(
                port, addresses=(*port.addresses, Address(subnets[port.network_id].gateway_ip or '', 64, subnets[port.network_id].id))
            )
            for port in interfaces
        ),
    )
    guests = [lab.guest(port) for port in ports]
    for guest in guests:
        guest.sh(
            'busybox sysctl -w net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.eth0.router_solicitation_interval=1 net.ipv6.conf.eth0.router_solicitations=8'
        )
    outcome = lab.apply(cloud.state())
    assert outcome.problems == []
    for guest, port in zip(guests, ports, strict=True):
        assert eventually(lambda g=guest, p=port: f'{p.addresses[1].ip}/64' in g.sh('ip -6 addr show dev eth0 -tentative'))
    assert guests[0].ping(ports[1].addresses[1].ip)
    assert lab.apply(cloud.state()).changes == []
    cloud.change_router(router, interfaces=interfaces)
    lab.apply(cloud.state())
    assert dnsmasq.find(lab.host, router, dnsmasq.ADVERTISER) is None


def test_guest_sees_who_came_through_its_floating_address(lab: LabHost) -> None:
    cloud = Cloud()
    one, outside = cloud.network(1), cloud.external()
    rules = (*EGRESS, Rule('ingress', protocol='tcp', port_min=22, port_max=22, remote='172.24.4.1/32'))
    port = cloud.port(one, 11, rules)
    router = cloud.router(one, external=outside)
    cloud.floating(router, '172.24.4.50', port)
    # An address of the host that a careless masquerade would put in the place of the real one.
    lab.sh('ip link add name uplink type veth peer name other')
    lab.sh('ip addr add 198.51.100.1/24 dev uplink')
    lab.sh('ip link set dev uplink up')
    guest = lab.guest(port)
    lab.apply(cloud.state())
    guest.dhcp()
    guest.serve(22)
    assert lab.reaches('172.24.4.50', 22)
