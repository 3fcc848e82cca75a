"""One project does not meet another's things: it cannot see, use, change or delete them, by whatever way."""

from __future__ import annotations

import pytest


@pytest.fixture(scope='module')
def things(admin, demo):
    """Everything that a project may have."""
    external = admin.make(
        'network', name='outside', **{'router:external': True, 'provider:network_type': 'flat', 'provider:physical_network': 'iso'}
    )
    admin.make('subnet', network_id=external['id'], cidr='198.51.100.0/24', ip_version=4, enable_dhcp=False)
    network, subnet = demo.network('10.31.0.0/24')
    port = demo.make('port', network_id=network['id'])
    router = demo.make('router', name='r', external_gateway_info={'network_id': external['id']})
    demo.ok('PUT', f'routers/{router["id"]}/add_router_interface', {'subnet_id': subnet['id']})
    group = demo.make('security_group', name='g')
    rule = demo.make('security_group_rule', security_group_id=group['id'], direction='ingress', protocol='tcp')
    floating = demo.make('floatingip', floating_network_id=external['id'], port_id=port['id'])
    return {
        'networks': network, 'subnets': subnet, 'ports': port, 'routers': router, 'security-groups': group, 'security-group-rules': rule,
        'floatingips': floating, 'external': external,
    }  # fmt: skip


KINDS = ['networks', 'subnets', 'ports', 'routers', 'security-groups', 'security-group-rules', 'floatingips']


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_anothers_does_not_exist(things, demo, other, kind):
    member, path = kind.replace('-', '_').rstrip('s'), f'{kind}/{things[kind]["id"]}'
    assert other.error('GET', path)[0] == 404
    if kind != 'security-group-rules':
        assert other.error('PUT', path, {member: {'description': 'mine now'}})[0] == 404
        assert other.error('PUT', f'{path}/tags/x')[0] == 404
        assert other.error('GET', f'{path}/tags')[0] == 404
    assert other.error('DELETE', path)[0] == 404
    demo.ok('GET', path)


@pytest.mark.parametrize('kind', KINDS)
def test_lists_hold_nothing_of_anothers(things, other, demo, kind):
    key = kind.replace('-', '_')
    identifier = things[kind]['id']
    for query in ('', f'?id={identifier}', f'?project_id={demo.project_id}', f'?tenant_id={demo.project_id}'):
        assert identifier not in {one['id'] for one in other.ok('GET', kind + query)[key]}
    unknown = other.error('GET', f'{kind}?marker=11111111-2222-4333-8444-555555555555')
    assert other.error('GET', f'{kind}?marker={identifier}') == unknown and unknown[0] in (400, 404)
    assert identifier in {one['id'] for one in demo.ok('GET', kind)[key]}


def test_nobody_builds_on_anothers_things(things, other):
    network, subnet, port, router, group = (things[kind]['id'] for kind in ('networks', 'subnets', 'ports', 'routers', 'security-groups'))
    mine, own_subnet = other.network('10.32.0.0/24')
    own_router = other.make('router', name='mine')
    own_group = other.make('security_group', name='mine')
    refused = [
        ('POST', 'ports', {'port': {'network_id': network}}),
        ('POST', 'subnets', {'subnet': {'network_id': network, 'cidr': '10.33.0.0/24', 'ip_version': 4}}),
        ('POST', 'ports', {'port': {'network_id': mine['id'], 'security_groups': [group]}}),
        ('PUT', f'routers/{router}/add_router_interface', {'subnet_id': own_subnet['id']}),
        ('PUT', f'routers/{own_router["id"]}/add_router_interface', {'subnet_id': subnet}),
        ('PUT', f'routers/{own_router["id"]}/add_router_interface', {'port_id': port}),
        ('POST', 'security-group-rules', {'security_group_rule': {'security_group_id': group, 'direction': 'ingress'}}),
        (
            'POST', 'security-group-rules',
            {'security_group_rule': {'security_group_id': own_group['id'], 'direction': 'ingress', 'remote_group_id': group}},
        ),
        ('POST', 'floatingips', {'floatingip': {'floating_network_id': things['external']['id'], 'port_id': port}}),
        ('POST', 'floatingips', {'floatingip': {'floating_network_id': network}}),
        ('POST', 'routers', {'router': {'external_gateway_info': {'network_id': network}}}),
    ]  # fmt: skip
    for request in refused:
        assert other.error(*request)[0] == 404, request


def test_nobody_makes_things_for_another_project(demo, other):
    for name in ('project_id', 'tenant_id'):
        for kind in ('network', 'router', 'security_group'):
            plural = {'security_group': 'security-groups'}.get(kind, f'{kind}s')
            assert other.error('POST', plural, {kind: {'name': 'x', name: demo.project_id}})[0] == 403
        network, _ = other.network('10.34.0.0/24')
        assert other.error('POST', 'ports', {'port': {'network_id': network['id'], name: demo.project_id}})[0] == 403


def test_a_shared_network_is_seen_and_used_but_not_owned(admin, other):
    network = admin.make('network', name='common', shared=True)
    subnet = admin.make('subnet', network_id=network['id'], cidr='10.35.0.0/24', ip_version=4)
    assert other.ok('GET', f'networks/{network["id"]}')['network']['shared'] is True
    assert other.ok('GET', f'subnets/{subnet["id"]}')['subnet']['cidr'] == '10.35.0.0/24'
    assert network['id'] in {one['id'] for one in other.ok('GET', 'networks?shared=true')['networks']}
    port = other.make('port', network_id=network['id'])
    hidden = admin.make('port', network_id=network['id'])
    assert other.error('GET', f'ports/{hidden["id"]}')[0] == 404
    for values in ({'mac_address': 'fa:16:3e:00:00:99'}, {'fixed_ips': [{'ip_address': '10.35.0.99'}]}, {'port_security_enabled': False},
                   {'allowed_address_pairs': [{'ip_address': '10.35.0.1'}]}, {'device_owner': 'network:dhcp'}):  # fmt: skip
        assert other.error('POST', 'ports', {'port': {'network_id': network['id'], **values}})[0] == 403, values
        assert other.error('PUT', f'ports/{port["id"]}', {'port': values})[0] == 403, values
    assert other.error('PUT', f'networks/{network["id"]}', {'network': {'name': 'mine'}})[0] == 403
    assert other.error('DELETE', f'networks/{network["id"]}')[0] == 403
    assert other.error('POST', 'subnets', {'subnet': {'network_id': network['id'], 'cidr': '10.36.0.0/24', 'ip_version': 4}})[0] == 403
    shared_no_more = {'network': {'shared': False}}
    assert admin.error('PUT', f'networks/{network["id"]}', shared_no_more) == (409, 'InvalidSharedSetting')
    other.ok('DELETE', f'ports/{port["id"]}')
    admin.ok('PUT', f'networks/{network["id"]}', shared_no_more)
    assert other.error('GET', f'networks/{network["id"]}')[0] == 404


def test_the_owner_of_a_network_sees_all_ports_on_it(admin, demo, things):
    foreign = admin.make('port', network_id=things['networks']['id'])
    assert demo.ok('GET', f'ports/{foreign["id"]}')['port']['project_id'] == admin.project_id
    assert foreign['id'] in {one['id'] for one in demo.ok('GET', 'ports')['ports']}
    demo.ok('DELETE', f'ports/{foreign["id"]}')


def test_a_reader_reads(cloud, things):
    reader = cloud.client('reader')
    for kind in KINDS:
        reader.ok('GET', f'{kind}/{things[kind]["id"]}')
        assert reader.error('DELETE', f'{kind}/{things[kind]["id"]}')[0] == 403
    assert reader.error('POST', 'networks', {'network': {'name': 'x'}})[0] == 403
    assert reader.error('POST', 'ports', {'port': {'network_id': things['networks']['id']}})[0] == 403


def test_administrators_fields_are_theirs(other):
    for values in ({'shared': True}, {'router:external': True}, {'provider:network_type': 'vxlan'}, {'provider:segmentation_id': 5}):
        assert other.error('POST', 'networks', {'network': values}) == (403, 'PolicyNotAuthorized')
    network = other.make('network', name='plain')
    assert 'provider:network_type' not in network
    assert other.error('PUT', f'networks/{network["id"]}', {'network': {'shared': True}})[0] == 403
    assert other.ok('GET', 'agents')['agents'] == []
