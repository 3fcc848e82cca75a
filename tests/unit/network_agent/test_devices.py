"""Devices, tunnels, segments, routers and DHCP files as data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from network.apply import advertiser, bridges, dhcp_files, leases, links, names, routers, vlan, vxlan
from network.apply.bridges import End, Surroundings
from network.apply.dhcp_files import DhcpOptions
from network.apply.links import Link, Wanted
from network.desired.model import (
    Address,
    Dhcp,
    DhcpHost,
    FloatingIp,
    Guest,
    HostNetwork,
    Network,
    Port,
    Router,
    RouterPort,
    Rule,
    Subnet,
    from_message,
    to_message,
)  # fmt: skip

NET, OUT = '11111111-2222-3333-4444-555555555555', '99999999-2222-3333-4444-555555555555'
SUB, OSUB = 'cccccccc-2222-3333-4444-555555555555', 'dddddddd-2222-3333-4444-555555555555'
ROUTER = 'eeeeeeee-2222-3333-4444-555555555555'
PORT = Port(
    'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    NET,
    'fa:16:3e:00:00:01',
    (Address('10.0.0.5', 24, SUB),),
    rules=(Rule('egress', remote='10.0.0.0/8'),),
)
PRIVATE = Network(
    NET,
    'vxlan',
    1450,
    77,
    subnets=(Subnet(SUB, '10.0.0.0/24', gateway_ip='10.0.0.1'),),
    peers=('192.0.2.2',),
    guests=(Guest('10.0.0.5', 'd', 'p'),),
)
OUTSIDE = Network(OUT, 'flat', physical_network='public', external=True, subnets=(Subnet(OSUB, '172.24.4.0/24', gateway_ip='172.24.4.1'),))


def link(name: str, kind: str = 'bridge', **more: Any) -> Link:
    values: dict[str, Any] = {'index': 1, 'mtu': 1500, 'mac': '02:00:00:00:00:01', 'up': True, 'master': None, 'data': {}, 'addresses': ()}
    return Link(name=name, kind=kind, **{**values, **more})


def lines(wanted: list[Wanted], present: list[Link]) -> list[str]:
    return [line for action in links.plan(wanted, {item.name: item for item in present}) for line in action.lines]


def test_names_fit_and_only_ours_are_ours() -> None:
    assert len(names.tap(PORT.id)) == 14 and names.tap(PORT.id) == 'pltaaaaaaaa-bb'
    assert names.is_ours('plb11111111-22')
    for other in ('plumbing', 'plt', 'eth0', 'plbroken!', 'virbr0', 'pltastic'):
        assert not names.is_ours(other) or other == 'plt'


def test_device_is_made_set_or_left() -> None:
    want = Wanted('plb1', ('bridge',), 'name plb1 type bridge', mtu=1450, tune={'mcast_snooping': 0})
    made = lines([want], [])
    assert made[0] == 'link add name plb1 type bridge' and made[-1] == 'link set dev plb1 mtu 1450 up'
    assert 'link set dev plb1 type bridge mcast_snooping 0' in made
    right = link('plb1', mtu=1450, data={'mcast_snooping': 0})
    assert lines([want], [right]) == []
    assert lines([want], [dataclasses.replace(right, up=False)]) == ['link set dev plb1 up']
    assert lines([want], [dataclasses.replace(right, master='x')]) == ['link set dev plb1 nomaster']


def test_device_of_another_kind_or_with_other_data_is_made_again() -> None:
    want = Wanted('plx1', ('vxlan',), 'name plx1 type vxlan id 5', data={'id': 5})
    assert lines([want], [link('plx1', 'vxlan', data={'id': 5})]) == []
    assert lines([want], [link('plx1', 'vxlan', data={'id': 6})])[:2] == ['link del dev plx1', 'link add name plx1 type vxlan id 5']
    assert lines([want], [link('plx1', 'bridge', data={'id': 5})])[0] == 'link del dev plx1'


def test_only_our_devices_are_deleted() -> None:
    assert lines([], [link('plb11'), link('virbr0'), link('plumbing'), link('eth0', '')]) == ['link del dev plb11']


def test_root_devices_of_a_host() -> None:
    state = HostNetwork('h', networks=(PRIVATE, OUTSIDE), ports=(PORT, dataclasses.replace(PORT, id='f' * 36, admin_state_up=False)))
    problems: list[str] = []
    ends = [End('plv1', 'pld1', names.dhcp_namespace(NET), NET, 'fa:16:3e:00:00:09')]
    around = Surroundings(tunnel_ip='192.0.2.1', gateways={OUT: ('172.24.4.1/24',)})
    found = {want.name: want for want in bridges.wanted(state, ends, {}, around, problems.append)}
    assert problems == []
    assert found[names.bridge(OUT)].mac and not found[names.bridge(NET)].mac
    assert found[names.vxlan(NET)].master == names.bridge(NET) and 'id 77 local 192.0.2.1' in found[names.vxlan(NET)].make
    assert found[names.tap(PORT.id)].mtu == 1450 and found[names.tap(PORT.id)].up and not found[names.tap('f' * 36)].up
    assert found['plv1'].make.endswith(f'peer name pld1 address fa:16:3e:00:00:09 mtu 1450 netns pl-dhcp-{NET}')


def test_what_cannot_be_made_is_told() -> None:
    problems: list[str] = []
    lost = dataclasses.replace(PORT, network_id='b' * 36)
    flat = dataclasses.replace(OUTSIDE, external=False)
    bridges.wanted(HostNetwork('h', networks=(PRIVATE, flat), ports=(lost,)), [], {}, Surroundings(), problems.append)
    assert len(problems) == 3 and any('tunnel address' in p for p in problems) and any("'public'" in p for p in problems)


def test_vlan_device_on_the_card() -> None:
    network = Network(NET, 'vlan', 1500, 42, 'physnet1')
    problems: list[str] = []
    (made,) = vlan.devices(
        network, vlan.parse_mapping(['physnet1:eth1', 'other: br0']), {'eth1': link('eth1', '')}, problems.append, needed=True
    )
    assert made.make == f'link eth1 name pls{NET[:11]} type vlan id 42' and made.data == {'id': 42} and problems == []
    assert vlan.devices(network, {'physnet1': 'eth9'}, {}, problems.append, needed=True) == [] and 'eth9' in problems[0]


def test_flood_list_follows_the_peers() -> None:
    found = vxlan.flood_found(
        [
            {'mac': vxlan.FLOOD, 'ifname': names.vxlan(NET), 'dst': '192.0.2.9'},
            {'mac': 'fa:16:3e:00:00:01', 'ifname': names.vxlan(NET), 'dst': '192.0.2.2'},
            {'mac': vxlan.FLOOD, 'ifname': 'vxlan0', 'dst': '192.0.2.7'},
        ]
    )
    wanted = vxlan.flood_wanted([PRIVATE, OUTSIDE], '192.0.2.1')
    device = names.vxlan(NET)
    assert vxlan.plan_flood(wanted, found) == [
        f'fdb append {vxlan.FLOOD} dev {device} dst 192.0.2.2',
        f'fdb del {vxlan.FLOOD} dev {device} dst 192.0.2.9',
    ]
    assert vxlan.plan_flood(wanted, {device: {'192.0.2.2'}}) == []


def router(**more: Any) -> Router:
    inner = RouterPort('a1' * 18, NET, 'fa:16:3e:00:00:11', (Address('10.0.0.1', 24, SUB),))
    gateway = RouterPort('b1' * 18, OUT, 'fa:16:3e:00:00:12', (Address('172.24.4.10', 24, OSUB),))
    return Router(
        ROUTER, **{'interfaces': (inner,), 'gateway': gateway, 'floating_ips': (FloatingIp('f', '172.24.4.50', '10.0.0.5'),), **more}
    )


def test_router_with_gateway_and_floating_address() -> None:
    made = routers.interior(router(), {NET: PRIVATE, OUT: OUTSIDE}, print)
    assert made.namespace == f'pl-router-{ROUTER}'
    outside = made.devices[1]
    assert outside.addresses == ('172.24.4.10/24', '172.24.4.50/32') and '172.24.4.50' in outside.announced
    (route,) = made.routes
    assert (route.destination, route.next_hop, route.device) == ('default', '172.24.4.1', outside.name)
    nat = made.rules['iptables']['nat']
    assert nat.chains['pl-dnat'] == ['-d 172.24.4.50/32 -j DNAT --to-destination 10.0.0.5']
    snat = nat.chains['pl-snat']
    assert snat.index(f'-s 10.0.0.5/32 -o {outside.name} -j SNAT --to-source 172.24.4.50') < snat.index(
        f'-o {outside.name} -j SNAT --to-source 172.24.4.10'
    )


def test_router_without_source_nat_still_has_its_floating_addresses() -> None:
    made = routers.interior(router(enable_snat=False), {NET: PRIVATE, OUT: OUTSIDE}, print)
    snat = made.rules['iptables']['nat'].chains['pl-snat']
    assert not any(rule.startswith('-o ') for rule in snat) and snat[0].startswith('-s 10.0.0.5/32')


def test_router_route_to_nowhere_is_told_and_left_out() -> None:
    problems: list[str] = []
    made = routers.interior(
        router(routes=(('192.0.2.0/24', '10.0.0.9'), ('198.51.100.0/24', '203.0.113.1'))), {NET: PRIVATE, OUT: OUTSIDE}, problems.append
    )
    assert [r.destination for r in made.routes] == ['default', '192.0.2.0/24'] and len(problems) == 1


def test_router_that_is_switched_off_has_nothing_inside() -> None:
    made = routers.interior(router(admin_state_up=False), {NET: PRIVATE, OUT: OUTSIDE}, print)
    assert made.devices == () == made.ends == made.routes


def dhcp(**more: Any) -> Dhcp:
    host = DhcpHost(PORT.id, PORT.mac_address, PORT.addresses)
    values: dict[str, Any] = {'hosts': (host,), 'domain': 'cloud.test', **more}
    return Dhcp(NET, 'ab' * 18, 'fa:16:3e:00:00:02', (Address('10.0.0.2', 24, SUB),), **values)


def files(made: Dhcp, network: Network = PRIVATE, **options: Any) -> dhcp_files.DhcpFiles:
    return dhcp_files.build(made, network, Path('/state/dhcp/x'), DhcpOptions(**options))


def test_dhcp_files() -> None:
    made = files(dhcp())
    assert made.hosts == 'fa:16:3e:00:00:01,host-10-0-0-5.cloud.test,10.0.0.5\n'
    assert f'tag:subnet-{SUB},option:router,10.0.0.1\n' in made.options and 'option:mtu,1450\n' in made.options
    assert made.names == '10.0.0.5 host-10-0-0-5.cloud.test host-10-0-0-5\n'
    assert f'dhcp-range=set:subnet-{SUB},10.0.0.0,static,255.255.255.0,86400s\n' in made.configuration
    assert 'no-resolv\n' in made.configuration and 'server=' not in made.configuration
    assert made.pairs == {('fa:16:3e:00:00:01', '10.0.0.5')}
    assert 'server=192.0.2.53\n' in files(dhcp(), dns_servers=('192.0.2.53',)).configuration


def test_metadata_route_on_a_network_without_router() -> None:
    made = files(dhcp(metadata=True, metadata_subnets=(SUB,)))
    assert f'tag:subnet-{SUB},option:classless-static-route,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1\n' in made.options
    lone = dataclasses.replace(PRIVATE, subnets=(dataclasses.replace(PRIVATE.subnets[0], gateway_ip=None),))
    made = files(dhcp(metadata=True, metadata_subnets=(SUB,)), lone)
    assert f'tag:subnet-{SUB},option:classless-static-route,169.254.169.254/32,10.0.0.2\n' in made.options
    assert f'tag:subnet-{SUB},option:router\n' in made.options


def test_extra_options_of_a_port() -> None:
    host = DhcpHost(PORT.id, PORT.mac_address, PORT.addresses, 'web', (('bootfile-name', 'pxe.0', 4), ('150', '10.0.0.9', 4)))
    made = files(dhcp(hosts=(host,)))
    assert made.hosts == f'fa:16:3e:00:00:01,set:port-{PORT.id},web.cloud.test,10.0.0.5\n'
    assert f'tag:port-{PORT.id},option:bootfile-name,pxe.0\n' in made.options and f'tag:port-{PORT.id},150,10.0.0.9\n' in made.options


def test_lease_file_and_release() -> None:
    text = '1700000000 fa:16:3e:00:00:01 10.0.0.5 host 01:fa:16:3e:00:00:01\nduid 00:01\n1700000000 1 fd00::5 host 00:02\n1 fa:16:3e:00:00:02 10.0.0.6 * *\n'
    assert leases.parse(text) == [('fa:16:3e:00:00:01', '10.0.0.5', '01:fa:16:3e:00:00:01'), ('fa:16:3e:00:00:02', '10.0.0.6', '*')]
    packet = leases.release_packet('fa:16:3e:00:00:01', '10.0.0.5', '10.0.0.2', '01:fa')
    assert len(packet) == 300 and packet[12:16] == bytes([10, 0, 0, 5]) and packet[28:34] == bytes.fromhex('fa163e000001')
    assert packet[236:243] == b'\x63\x82\x53\x63\x35\x01\x07' and b'\x3d\x02\x01\xfa' in packet


def test_state_travels_as_json() -> None:
    state = HostNetwork('h', 5, (PRIVATE, OUTSIDE), (PORT,), (dhcp(metadata=True),), (router(routes=(('192.0.2.0/24', '10.0.0.9'),)),))
    assert from_message(json.loads(json.dumps(to_message(state)))) == state
    newer = {**to_message(state), 'unknown': 1}
    assert from_message(newer) == state


def test_advertiser_only_where_there_is_something_to_advertise() -> None:
    made = router()
    assert advertiser.configuration(made, {NET: PRIVATE, OUT: OUTSIDE}, Path('/x'), DhcpOptions()) is None
    six = Subnet('6' * 36, 'fd00:1::/64', 6, 'fd00:1::1', ipv6_ra_mode='slaac', dns_nameservers=('fd00::53',))
    port = dataclasses.replace(made.interfaces[0], addresses=(*made.interfaces[0].addresses, Address('fd00:1::1', 64, six.id)))
    made = dataclasses.replace(made, interfaces=(port,))
    network = dataclasses.replace(PRIVATE, subnets=(*PRIVATE.subnets, six))
    text = advertiser.configuration(made, {NET: network, OUT: OUTSIDE}, Path('/x'), DhcpOptions())
    assert text is not None
    assert f'dhcp-range=set:subnet-{six.id},fd00:1::,ra-only,64\n' in text and f'interface={names.router_end(port.port_id)}\n' in text
    assert f'dhcp-option=tag:subnet-{six.id},option6:dns-server,[fd00::53]\n' in text
    off = dataclasses.replace(made, admin_state_up=False)
    assert advertiser.configuration(off, {NET: network, OUT: OUTSIDE}, Path('/x'), DhcpOptions()) is None
