"""From rows to what a host should look like: values in, values out."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace as Row

from network.desired import build, firewall
from network.desired.model import Address, AddressSet, DhcpHost, FloatingIp, Guest, Rule, from_message, to_message
from network.desired.snapshot import Snapshot


def network(name, **values):
    base = {'network_type': 'vxlan', 'mtu': 1450, 'segmentation_id': 7, 'physical_network': None, 'external': False, 'admin_state_up': True}
    return Row(id=name, **{**base, **values})


def subnet(name, network_id, cidr, **values):
    base = {
        'ip_version': 6 if ':' in cidr else 4, 'gateway_ip': cidr.replace('.0/24', '.1').replace('::/64', '::1'), 'enable_dhcp': True,
        'dns_nameservers': None, 'host_routes': None, 'ipv6_ra_mode': None, 'ipv6_address_mode': None,
    }  # fmt: skip
    return Row(id=name, network_id=network_id, cidr=cidr, **{**base, **values})


def port(name, network_id, host='h1', owner='compute:nova', **values):
    base = {
        'mac_address': f'fa:16:3e:00:00:{name[-1]:0>2}', 'device_id': f'vm-{name}', 'project_id': 'p', 'admin_state_up': True,
        'port_security_enabled': True, 'allowed_address_pairs': None, 'extra_dhcp_opts': None,
    }  # fmt: skip
    return Row(id=name, network_id=network_id, host=host, device_owner=owner, **{**base, **values})


def rule(direction='ingress', ethertype='IPv4', protocol=None, low=None, high=None, prefix=None, group=None):
    return Row(
        direction=direction,
        ethertype=ethertype,
        protocol=protocol,
        port_range_min=low,
        port_range_max=high,
        remote_ip_prefix=prefix,
        remote_group_id=group,
    )


def snapshot(*ports, elsewhere=(), networks=(), subnets=(), addresses=None, **values):
    found = Snapshot(ports=list(ports), networks=list(networks), addresses=addresses or {}, **values)
    for one in subnets:
        found.subnets.setdefault(one.network_id, []).append(one)
    for one in (*ports, *elsewhere):
        found.network_hosts.setdefault(one.network_id, set()).add(one.host)
    served = {one.network_id for one in ports if one.device_owner in ('network:dhcp', 'network:router_interface')}
    found.others = [one for one in (*ports, *elsewhere) if one.network_id in served]
    found.tunnels = {'h1': '192.0.2.1', 'h2': '192.0.2.2'}
    return found


def test_a_host_without_anything():
    assert build.host_network('h1', 3, Snapshot()) == dataclasses.replace(build.host_network('h1', 0, Snapshot()), revision=3)


def test_a_guest_and_the_hosts_it_reaches():
    rows = snapshot(
        port('a1', 'n', allowed_address_pairs=[['fa:16:3e:00:00:01', '10.0.0.50'], ['fa:16:3e:99:99:99', '10.1.0.0/24']]),
        elsewhere=[port('b2', 'n', host='h2')],
        networks=[network('n')],
        subnets=[subnet('s', 'n', '10.0.0.0/24')],
        addresses={'a1': [('s', '10.0.0.10'), ('s', '10.0.0.9')], 'b2': [('s', '10.0.0.11')]},
    )
    state = build.host_network('h1', 1, rows)
    [guest] = state.ports
    assert guest.addresses == (Address('10.0.0.9', 24, 's'), Address('10.0.0.10', 24, 's'))
    assert guest.allowed_pairs == (('', '10.0.0.50'), ('fa:16:3e:99:99:99', '10.1.0.0/24'))
    [told] = state.networks
    assert told.peers == ('192.0.2.2',)
    assert told.guests == ()
    assert (state.dhcp, state.routers) == ((), ())


def test_who_is_on_a_network_is_known_where_it_is_served():
    rows = snapshot(
        port('d9', 'n', owner='network:dhcp', device_id='dhcp-n'),
        elsewhere=[port('b2', 'n', host='h2', extra_dhcp_opts=[['mtu', '1400', 4]])],
        networks=[network('n')],
        subnets=[subnet('s', 'n', '10.0.0.0/24', dns_nameservers=['9.9.9.9'], host_routes=[['192.0.2.0/24', '10.0.0.7']])],
        addresses={'d9': [('s', '10.0.0.2')], 'b2': [('s', '10.0.0.11')]},
    )
    state = build.host_network('h1', 1, rows, domain='example.org')
    [dhcp] = state.dhcp
    assert dhcp.hosts == (DhcpHost('b2', 'fa:16:3e:00:00:02', (Address('10.0.0.11', 24, 's'),), options=(('mtu', '1400', 4),)),)
    assert (dhcp.domain, dhcp.metadata, dhcp.metadata_subnets) == ('example.org', True, ('s',))
    [told] = state.networks
    assert told.guests == (Guest('10.0.0.11', 'vm-b2', 'p'),)
    assert told.subnets[0].dns_nameservers == ('9.9.9.9',)
    assert told.subnets[0].host_routes == (('192.0.2.0/24', '10.0.0.7'),)


def test_nobody_to_serve_means_no_server():
    rows = snapshot(
        port('d9', 'n', owner='network:dhcp'),
        networks=[network('n')],
        subnets=[subnet('s', 'n', '10.0.0.0/24')],
        addresses={'d9': [('s', '10.0.0.2')]},
    )
    state = build.host_network('h1', 1, rows)
    assert (state.dhcp, state.networks, state.ports) == ((), (), ())


def test_a_router_answers_for_metadata_where_it_is_the_gateway():
    interface = port('r3', 'n', owner='network:router_interface', device_id='router')
    gateway = port('g4', 'x', owner='network:router_gateway', device_id='router')
    rows = snapshot(
        interface,
        gateway,
        port('d9', 'n', owner='network:dhcp'),
        port('a1', 'n'),
        networks=[network('n'), network('x', network_type='flat', physical_network='public', external=True)],
        subnets=[subnet('s', 'n', '10.0.0.0/24'), subnet('t', 'n', '10.9.0.0/24'), subnet('u', 'x', '203.0.113.0/24')],
        addresses={'r3': [('s', '10.0.0.1')], 'g4': [('u', '203.0.113.5')], 'd9': [('s', '10.0.0.2')], 'a1': [('s', '10.0.0.4')]},
        routers=[Row(id='router', admin_state_up=True, enable_snat=True, routes=[['192.0.2.0/24', '10.0.0.9']])],
        floating={'router': [Row(id='f', floating_ip_address='203.0.113.9', fixed_ip_address='10.0.0.4')]},
    )
    state = build.host_network('h1', 1, rows)
    [router] = state.routers
    assert [one.port_id for one in router.interfaces] == ['r3']
    assert router.gateway.addresses == (Address('203.0.113.5', 24, 'u'),)
    assert router.floating_ips == (FloatingIp('f', '203.0.113.9', '10.0.0.4'),)
    assert router.routes == (('192.0.2.0/24', '10.0.0.9'),)
    [dhcp] = state.dhcp
    assert dhcp.metadata_subnets == ('t',)
    assert [found.id for found in state.networks] == ['n', 'x']
    assert [found.id for found in state.ports] == ['a1']


def test_rules_are_normal_and_each_there_once():
    rows = [
        rule(protocol='tcp', low=22, high=22, prefix='0.0.0.0/0'), rule(protocol='6', low=22, high=22), rule(protocol='icmp', ethertype='IPv6'),
        rule(direction='egress'), rule(group='g'),
    ]  # fmt: skip
    found = firewall.rules_of(['one', 'two'], {'one': rows, 'two': [rule(direction='egress')]})
    assert sorted(found, key=str) == sorted(
        {Rule('ingress', 4, '6', 22, 22), Rule('ingress', 6, '58'), Rule('egress'), Rule('ingress', remote_set='g')}, key=str
    )
    assert firewall.address_sets(found, {'g': {'10.0.0.9', '10.0.0.10'}, 'h': {'1.1.1.1'}}) == (AddressSet('g', ('10.0.0.10', '10.0.0.9')),)
    assert firewall.address_sets(found, {}) == (AddressSet('g', ()),)


def test_the_order_of_rows_does_not_matter_and_the_state_travels_as_json():
    ports = [port('a1', 'n'), port('c3', 'n'), port('d9', 'n', owner='network:dhcp')]
    common = {
        'networks': [network('n'), network('m')],
        'subnets': [subnet('s', 'n', '10.0.0.0/24'), subnet('v', 'n', 'fd00::/64')],
        'addresses': {'a1': [('s', '10.0.0.4'), ('v', 'fd00::4')], 'c3': [('s', '10.0.0.3')], 'd9': [('s', '10.0.0.2')]},
        'groups': {'a1': ['g'], 'c3': ['g']},
        'rules': {'g': [rule(group='g'), rule(direction='egress')]},
        'members': {'g': {'10.0.0.3', '10.0.0.4'}},
    }
    one = build.host_network('h1', 1, snapshot(*ports, **common))
    other = build.host_network('h1', 1, snapshot(*reversed(ports), **{**common, 'networks': common['networks'][::-1]}))
    assert one == other
    assert from_message(json.loads(json.dumps(to_message(one)))) == one
