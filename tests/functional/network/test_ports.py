"""Ports as users and the compute service meet them."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN


@pytest.fixture(scope='module')
def net(demo):
    return demo.network('10.7.0.0/24')


def test_a_port_gets_an_address_a_mac_and_the_default_group(demo, net):
    network, subnet = net
    port = demo.make('port', network_id=network['id'], name='web')
    assert port['mac_address'].startswith('fa:16:3e:')
    [fixed] = port['fixed_ips']
    assert fixed['subnet_id'] == subnet['id'] and fixed['ip_address'].startswith('10.7.0.')
    [group] = port['security_groups']
    assert demo.ok('GET', f'security-groups/{group}')['security_group']['name'] == 'default'
    assert port['status'] == 'DOWN' and port['revision_number'] == 1
    assert port['project_id'] == port['tenant_id'] == demo.project_id
    assert 'binding:host_id' not in port and port['binding:vnic_type'] == 'normal'
    assert demo.ok('GET', f'ports/{port["id"]}')['port'] == port


def test_addresses_as_asked(demo, net):
    network, subnet = net
    port = demo.make('port', network_id=network['id'], fixed_ips=[{'ip_address': '10.7.0.77'}, {'subnet_id': subnet['id']}])
    assert [entry['ip_address'] for entry in port['fixed_ips']][0] == '10.7.0.77' and len(port['fixed_ips']) == 2
    taken = {'port': {'network_id': network['id'], 'fixed_ips': [{'ip_address': '10.7.0.77'}]}}
    assert demo.error('POST', 'ports', taken) == (409, 'IpAddressInUse')
    outside = {'port': {'network_id': network['id'], 'fixed_ips': [{'ip_address': '192.0.2.1'}]}}
    assert demo.error('POST', 'ports', outside) == (400, 'InvalidIpForNetwork')
    assert demo.make('port', network_id=network['id'], fixed_ips=[])['fixed_ips'] == []


def test_an_address_goes_back_with_its_port(demo, net):
    network, _ = net
    for _ in range(3):
        port = demo.make('port', network_id=network['id'], fixed_ips=[{'ip_address': '10.7.0.200'}])
        demo.ok('DELETE', f'ports/{port["id"]}')
    assert demo.error('GET', f'ports/{port["id"]}') == (404, 'PortNotFound')


def test_changing_a_port(demo, net):
    network, subnet = net
    port = demo.make('port', network_id=network['id'])
    changed = demo.ok('PUT', f'ports/{port["id"]}', {'port': {'name': 'n', 'description': 'd', 'admin_state_up': False}})['port']
    assert (changed['name'], changed['description'], changed['admin_state_up'], changed['revision_number']) == ('n', 'd', False, 2)
    moved = demo.ok('PUT', f'ports/{port["id"]}', {'port': {'fixed_ips': [{'subnet_id': subnet['id'], 'ip_address': '10.7.0.201'}]}})[
        'port'
    ]
    assert moved['fixed_ips'] == [{'subnet_id': subnet['id'], 'ip_address': '10.7.0.201'}]
    again = demo.ok('PUT', f'ports/{port["id"]}', {'port': {'fixed_ips': moved['fixed_ips']}})['port']
    assert again['revision_number'] == moved['revision_number']
    fresh = demo.ok('PUT', f'ports/{port["id"]}', {'port': {'mac_address': 'fa:16:3e:11:22:33'}})['port']
    assert fresh['mac_address'] == 'fa:16:3e:11:22:33'


def test_if_match_guards_a_change(demo, net):
    port = demo.make('port', network_id=net[0]['id'])
    path = f'ports/{port["id"]}'
    assert demo.error('PUT', path, {'port': {'name': 'x'}}, If_Match='revision_number=7') == (412, 'RevisionNumberConstraintFailed')
    demo.ok('PUT', path, {'port': {'name': 'x'}}, If_Match='revision_number=1')
    assert demo.error('DELETE', path, If_Match='revision_number=1') == (412, 'RevisionNumberConstraintFailed')


def test_a_mac_address_once_in_a_network(demo, net):
    network, _ = net
    demo.make('port', network_id=network['id'], mac_address='FA:16:3E:AA:00:01')
    same = {'port': {'network_id': network['id'], 'mac_address': 'fa:16:3e:aa:00:01'}}
    assert demo.error('POST', 'ports', same) == (409, 'MacAddressInUse')


def test_port_security(demo, net):
    network, _ = net
    port = demo.make('port', network_id=network['id'], port_security_enabled=False)
    assert port['security_groups'] == [] and port['port_security_enabled'] is False
    group = demo.make('security_group', name='for-ports')
    refused = (400, 'PortSecurityAndIPRequiredForSecurityGroups')
    assert demo.error('PUT', f'ports/{port["id"]}', {'port': {'security_groups': [group['id']]}}) == refused
    pair = [{'ip_address': '10.7.0.0/24'}]
    pairs_refused = (409, 'AddressPairAndPortSecurityRequired')
    assert demo.error('PUT', f'ports/{port["id"]}', {'port': {'allowed_address_pairs': pair}}) == pairs_refused
    both = {'port': {'port_security_enabled': True, 'security_groups': [group['id']], 'allowed_address_pairs': pair}}
    changed = demo.ok('PUT', f'ports/{port["id"]}', both)['port']
    assert changed['security_groups'] == [group['id']]
    assert changed['allowed_address_pairs'] == [{'mac_address': port['mac_address'], 'ip_address': '10.7.0.0/24'}]
    assert demo.error('PUT', f'ports/{port["id"]}', {'port': {'port_security_enabled': False}})[0] in (400, 409)
    off = {'port': {'port_security_enabled': False, 'security_groups': [], 'allowed_address_pairs': []}}
    assert demo.ok('PUT', f'ports/{port["id"]}', off)['port']['port_security_enabled'] is False


def test_extra_dhcp_options_are_merged(demo, net):
    options = [{'opt_name': 'bootfile-name', 'opt_value': 'a'}, {'opt_name': 'tftp-server', 'opt_value': '10.7.0.9'}]
    port = demo.make('port', network_id=net[0]['id'], extra_dhcp_opts=options)
    assert {(o['opt_name'], o['opt_value'], o['ip_version']) for o in port['extra_dhcp_opts']} == {
        ('bootfile-name', 'a', 4), ('tftp-server', '10.7.0.9', 4),
    }  # fmt: skip
    change = {
        'port': {'extra_dhcp_opts': [{'opt_name': 'bootfile-name', 'opt_value': 'b'}, {'opt_name': 'tftp-server', 'opt_value': None}]}
    }
    changed = demo.ok('PUT', f'ports/{port["id"]}', change)['port']
    assert [(o['opt_name'], o['opt_value']) for o in changed['extra_dhcp_opts']] == [('bootfile-name', 'b')]


def test_binding_is_the_administrators(admin, demo, net):
    network, _ = net
    bound = {'port': {'network_id': network['id'], 'binding:host_id': 'h1'}}
    assert demo.error('POST', 'ports', bound) == (403, 'PolicyNotAuthorized')
    values = {'project_id': demo.project_id, 'device_id': 'server-1', 'device_owner': 'compute:nova', 'binding:host_id': 'h1'}
    port = admin.make('port', network_id=network['id'], **values)
    assert (port['status'], port['binding:host_id'], port['binding:vif_type']) == ('ACTIVE', 'h1', 'bridge')
    assert port['project_id'] == demo.project_id and len(port['security_groups']) == 1
    assert [p['id'] for p in admin.ok('GET', 'ports?device_id=server-1')['ports']] == [port['id']]
    assert admin.ok('GET', f'ports/{port["id"]}?fields=id&fields=status')['port'] == {'id': port['id'], 'status': 'ACTIVE'}
    assert [p['id'] for p in admin.ok('GET', 'ports?binding:host_id=h1')['ports']] == [port['id']]
    moved = admin.ok('PUT', f'ports/{port["id"]}', {'port': {'binding:host_id': 'h2'}})['port']
    assert (moved['binding:host_id'], moved['status']) == ('h2', 'ACTIVE')
    free = {'port': {'device_id': '', 'device_owner': '', 'binding:host_id': ''}}
    unbound = admin.ok('PUT', f'ports/{port["id"]}', free)['port']
    assert (unbound['status'], unbound['binding:host_id'], unbound['binding:vif_type']) == ('DOWN', '', 'unbound')


def test_filters(demo):
    network, subnet = demo.network('10.8.0.0/24')
    made = [demo.make('port', network_id=network['id'], name=f'f{n}', fixed_ips=[{'ip_address': f'10.8.0.{10 + n}'}]) for n in range(4)]
    names = {port['id']: port['name'] for port in made}

    def found(query):
        return sorted(names[port['id']] for port in demo.ok('GET', f'ports?network_id={network["id"]}&{query}')['ports'])

    assert found('name=f1&name=f2') == ['f1', 'f2']
    assert found('fixed_ips=ip_address=10.8.0.12') == ['f2']
    assert found(f'fixed_ips=ip_address%3D10.8.0.12&fixed_ips=subnet_id%3D{subnet["id"]}') == ['f2']
    assert found('fixed_ips=ip_address_substr=.8.0.1') == ['f0', 'f1', 'f2', 'f3']
    assert found(f'mac_address={made[3]["mac_address"]}') == ['f3']
    assert found('status=ACTIVE') == [] and len(found('status=DOWN')) == 4
    assert found(f'security_groups={made[0]["security_groups"][0]}') == ['f0', 'f1', 'f2', 'f3']
    assert found('device_id=') == ['f0', 'f1', 'f2', 'f3']
    assert found('id=not-a-uuid') == []


def test_pages_and_order(demo):
    network, _ = demo.network('10.9.0.0/24')
    names = [f'p{n}' for n in range(7)]
    for name in names:
        demo.make('port', network_id=network['id'], name=name)
    seen, path = [], f'ports?network_id={network["id"]}&limit=3&sort_key=name&sort_dir=desc&fields=name&fields=id'
    while path:
        answer = demo.ok('GET', path)
        assert all(set(port) == {'id', 'name'} for port in answer['ports'])
        seen += [port['name'] for port in answer['ports']]
        following = [link['href'] for link in answer.get('ports_links', ()) if link['rel'] == 'next']
        path = following[0].partition('/v2.0/')[2] if following else ''
    assert seen == sorted(names, reverse=True)
    assert demo.error('GET', 'ports?marker=00000000-0000-0000-0000-000000000000')[0] in (400, 404)


def test_bulk_is_all_or_nothing(demo):
    network, _ = demo.network('10.10.0.0/24')
    made = demo.ok('POST', 'ports', {'ports': [{'network_id': network['id'], 'name': f'b{n}'} for n in range(5)]})['ports']
    assert [port['name'] for port in made] == ['b0', 'b1', 'b2', 'b3', 'b4']
    assert len({port['fixed_ips'][0]['ip_address'] for port in made}) == 5
    wrong = {'ports': [{'network_id': network['id']}, {'network_id': network['id'], 'fixed_ips': [{'ip_address': '1.2.3.4'}]}]}
    assert demo.error('POST', 'ports', wrong)[0] == 400
    assert len(demo.ok('GET', f'ports?network_id={network["id"]}')['ports']) == 5


def test_quota(admin, demo):
    network, _ = demo.network('10.11.0.0/24')
    used = demo.ok('GET', f'quotas/{demo.project_id}/details')['quota']['port']['used']
    admin.ok('PUT', f'quotas/{demo.project_id}', {'quota': {'port': used + 1}})
    try:
        demo.make('port', network_id=network['id'])
        assert demo.error('POST', 'ports', {'port': {'network_id': network['id']}}) == (409, 'OverQuota')
        assert demo.error('PUT', f'quotas/{demo.project_id}', {'quota': {'port': 500}}) == (403, 'PolicyNotAuthorized')
    finally:
        admin.ok('DELETE', f'quotas/{demo.project_id}')
    assert demo.ok('GET', f'quotas/{demo.project_id}')['quota'] == demo.ok('GET', f'quotas/{demo.project_id}/default')['quota']


def test_ipv6_addresses_follow_from_the_mac(demo):
    network = demo.make('network', name='six')
    mode = {'ipv6_ra_mode': 'slaac', 'ipv6_address_mode': 'slaac'}
    demo.make('subnet', network_id=network['id'], cidr='fd00:1::/64', ip_version=6, **mode)
    demo.make('subnet', network_id=network['id'], cidr='10.12.0.0/24', ip_version=4)
    port = demo.make('port', network_id=network['id'], mac_address='fa:16:3e:00:00:05')
    found = sorted(entry['ip_address'] for entry in port['fixed_ips'])
    assert found[1] == 'fd00:1::f816:3eff:fe00:5' and found[0].startswith('10.12.0.')


@pytest.mark.parametrize(
    'values',
    [
        {'mac_address': 'no'}, {'fixed_ips': 'x'}, {'fixed_ips': [{'ip_address': '10.0.0.999'}]}, {'device_id': 5}, {'nonsense': 1},
        {'security_groups': ['x']}, {'name': 'n' * 256}, {'admin_state_up': 'perhaps'}, {'id': 'x'}, {'extra_dhcp_opts': [{}]},
        {'allowed_address_pairs': [{'mac_address': 'fa:16:3e:00:00:01'}]}, {'binding:vnic_type': 'direct'},
    ],
)  # fmt: skip
def test_bad_input_is_refused(demo, net, values):
    assert demo.error('POST', 'ports', {'port': {'network_id': net[0]['id'], **values}})[0] == 400


def test_what_does_not_exist(demo, net):
    nowhere = '00000000-0000-0000-0000-000000000000'
    assert demo.error('POST', 'ports', {'port': {'network_id': nowhere}}) == (404, 'NetworkNotFound')
    assert demo.error('GET', f'ports/{nowhere}') == (404, 'PortNotFound')
    unknown = {'port': {'network_id': net[0]['id'], 'security_groups': [nowhere]}}
    assert demo.error('POST', 'ports', unknown) == (404, 'SecurityGroupNotFound')


def test_with_openstacksdk(demo):
    network = demo.sdk().network
    made = network.create_network(name='sdk')
    network.create_subnet(network_id=made.id, cidr='10.13.0.0/24', ip_version=4)
    port = network.create_port(network_id=made.id, name='one')
    assert network.find_port('one').id == port.id
    assert network.update_port(port, name='two').name == 'two'
    network.set_tags(port, ['red', 'blue'])
    assert [p.id for p in network.ports(tags='red')] == [port.id] and network.get_port(port.id).tags == ['blue', 'red']
    network.delete_port(port)
    network.delete_network(made)
    assert network.find_port('two') is None
