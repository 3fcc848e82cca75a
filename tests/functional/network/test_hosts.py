"""What agents are told, and what comes of what they say. The agents are played: nothing happens on this machine."""

from __future__ import annotations

import datetime
import queue

import pytest

from common.context import Context
from network import placement_of_agents
from network.db import hosts as host_rows
from network.rpc import NetworkAgent, PortEvents
from tests.databases import CHOSEN

DATABASES = CHOSEN
DRIVER = 'agent'


@pytest.fixture(scope='module')
def public(admin):
    network = admin.make('network', name='public', **{'router:external': True})
    admin.make('subnet', network_id=network['id'], cidr='203.0.113.0/24', ip_version=4, enable_dhcp=False)
    return network


@pytest.fixture
def h1(cloud):
    agent = cloud.agent('h1', tunnel_ip='192.0.2.1')
    agent.wire()
    return agent


@pytest.fixture
def h2(cloud, h1):
    agent = cloud.agent('h2', tunnel_ip='192.0.2.2', serves_networks=False)
    agent.wire()
    return agent


def bind(admin, client, network, host, **values):
    """A guest's port on a host."""
    return admin.make(
        'port',
        network_id=network['id'],
        project_id=client.project_id,
        device_id=f'vm-{host}',
        device_owner='compute:nova',
        **{'binding:host_id': host, **values},
    )


def silence(cloud, agent):
    """As if its last heartbeat were long ago."""
    long_ago = datetime.datetime(2020, 1, 1)
    cloud.service.write(Context.service('test'), lambda work: host_rows.change(work.session, agent, heartbeat_at=long_ago))


def test_a_port_is_down_until_its_host_has_wired_it(admin, demo, h1):
    network, subnet = demo.network('10.30.0.0/24')
    port = bind(admin, demo, network, 'h1')
    assert (port['status'], port['binding:vif_type']) == ('DOWN', 'bridge')
    state = h1.fetch()
    [told] = [found for found in state['ports'] if found['id'] == port['id']]
    assert told['mac_address'] == port['mac_address']
    assert told['addresses'] == [{'ip': port['fixed_ips'][0]['ip_address'], 'prefix': 24, 'subnet_id': subnet['id']}]
    assert (told['device_id'], told['project_id']) == ('vm-h1', demo.project_id)
    h1.report(**{port['id']: 'ACTIVE'})
    assert demo.ok('GET', f'ports/{port["id"]}')['port']['status'] == 'ACTIVE'
    h1.report(**{port['id']: 'DOWN'})
    assert demo.ok('GET', f'ports/{port["id"]}')['port']['status'] == 'DOWN'
    demo.ok('DELETE', f'ports/{port["id"]}')
    assert port['id'] not in {found['id'] for found in h1.fetch().get('ports', ())}
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_what_is_unchanged_is_not_sent_again(admin, demo, h1):
    network, _ = demo.network('10.31.0.0/24')
    port = bind(admin, demo, network, 'h1')
    assert h1.fetch() is not None
    assert h1.fetch() is None
    demo.ok('PUT', f'ports/{port["id"]}', {'port': {'name': 'only a name'}})
    unbound = demo.make('port', network_id=network['id'])
    h1.fetch()
    demo.ok('DELETE', f'ports/{unbound["id"]}')
    assert h1.fetch() is None
    demo.ok('DELETE', f'ports/{port["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_dhcp_is_served_where_somebody_needs_it(admin, demo, h1, h2):
    network, subnet = demo.network('10.32.0.0/24')
    own = admin.ok('GET', f'ports?network_id={network["id"]}&device_owner=network:dhcp')['ports']
    assert [port['binding:host_id'] for port in own] == ['h1']
    h1.fetch()
    assert network['id'] not in {found['id'] for found in h1.state.get('networks', ())}
    port = bind(admin, demo, network, 'h2', extra_dhcp_opts=[{'opt_name': 'bootfile-name', 'opt_value': 'x.0'}])
    state = h1.fetch()
    [dhcp] = [found for found in state['dhcp'] if found['network_id'] == network['id']]
    assert dhcp['addresses'][0]['ip'] == own[0]['fixed_ips'][0]['ip_address']
    assert [(host['mac_address'], host['addresses'][0]['ip']) for host in dhcp['hosts']] == [
        (port['mac_address'], port['fixed_ips'][0]['ip_address'])
    ]
    assert dhcp['hosts'][0]['options'] == [['bootfile-name', 'x.0', 4]]
    assert (dhcp['metadata'], dhcp['metadata_subnets']) == (True, [subnet['id']])
    [told] = [found for found in state['networks'] if found['id'] == network['id']]
    assert told['guests'] == [{'ip': port['fixed_ips'][0]['ip_address'], 'device_id': 'vm-h2', 'project_id': demo.project_id}]
    assert told['peers'] == ['192.0.2.2']
    assert (told['kind'], told['mtu']) == ('vxlan', 1450)
    [there] = [found for found in h2.fetch()['networks'] if found['id'] == network['id']]
    assert there['peers'] == ['192.0.2.1']
    assert 'guests' not in there
    changed = demo.ok('PUT', f'subnets/{subnet["id"]}', {'subnet': {'enable_dhcp': False}})['subnet']
    assert changed['enable_dhcp'] is False
    assert admin.ok('GET', f'ports?network_id={network["id"]}&device_owner=network:dhcp')['ports'] == []
    assert network['id'] not in {found['network_id'] for found in h1.fetch().get('dhcp', ())}
    demo.ok('DELETE', f'ports/{port["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_a_router_with_floating_ips(admin, demo, h1, public):
    network, subnet = demo.network('10.33.0.0/24')
    router = demo.make('router', external_gateway_info={'network_id': public['id']})
    demo.ok('PUT', f'routers/{router["id"]}/add_router_interface', {'subnet_id': subnet['id']})
    port = bind(admin, demo, network, 'h1')
    floating = demo.make('floatingip', floating_network_id=public['id'], port_id=port['id'])
    demo.ok('PUT', f'routers/{router["id"]}', {'router': {'routes': [{'destination': '192.0.2.0/24', 'nexthop': '10.33.0.9'}]}})
    h1.wire()
    [told] = [found for found in h1.state['routers'] if found['id'] == router['id']]
    assert [port['addresses'][0]['ip'] for port in told['interfaces']] == ['10.33.0.1']
    gateway = router['external_gateway_info']['external_fixed_ips'][0]['ip_address']
    assert told['gateway']['addresses'][0]['ip'] == gateway
    assert told['gateway']['network_id'] == public['id']
    fixed = port['fixed_ips'][0]['ip_address']
    assert told['floating_ips'] == [{'id': floating['id'], 'floating_ip': floating['floating_ip_address'], 'fixed_ip': fixed}]
    assert told['routes'] == [['192.0.2.0/24', '10.33.0.9']]
    [dhcp] = [found for found in h1.state['dhcp'] if found['network_id'] == network['id']]
    assert not dhcp.get('metadata')
    [external] = [found for found in h1.state['networks'] if found['id'] == public['id']]
    assert external['external'] is True
    interface = demo.ok('GET', f'ports?device_id={router["id"]}')['ports'][0]
    assert interface['status'] == 'ACTIVE'
    hosts = admin.ok('GET', f'routers/{router["id"]}/l3-agents')['agents']
    assert [agent['host'] for agent in hosts] == ['h1']
    demo.ok('DELETE', f'floatingips/{floating["id"]}')
    assert not [found for found in h1.fetch()['routers'] if found['id'] == router['id']][0].get('floating_ips')
    demo.ok('PUT', f'routers/{router["id"]}', {'router': {'routes': []}})
    demo.ok('PUT', f'routers/{router["id"]}/remove_router_interface', {'subnet_id': subnet['id']})
    demo.ok('DELETE', f'routers/{router["id"]}')
    assert router['id'] not in {found['id'] for found in h1.fetch().get('routers', ())}
    demo.ok('DELETE', f'ports/{port["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_rules_and_the_members_behind_them(admin, demo, h1, h2):
    network, _ = demo.network('10.34.0.0/24')
    group = demo.make('security_group', name='web')
    demo.make(
        'security_group_rule', security_group_id=group['id'], direction='ingress', protocol='tcp', port_range_min=80, port_range_max=80
    )
    demo.make('security_group_rule', security_group_id=group['id'], direction='ingress', remote_group_id=group['id'])
    near = bind(admin, demo, network, 'h1', security_groups=[group['id']])
    h1.fetch()
    [told] = [port for port in h1.state['ports'] if port['id'] == near['id']]
    assert {'direction': 'ingress', 'protocol': '6', 'port_min': 80, 'port_max': 80} in told['rules']
    assert {'direction': 'ingress', 'remote_set': group['id']} in told['rules']
    assert {'direction': 'egress', 'version': 6} in told['rules']
    far = bind(admin, demo, network, 'h2', security_groups=[group['id']], allowed_address_pairs=[{'ip_address': '203.0.113.200'}])
    state = h1.fetch()
    addresses = {near['fixed_ips'][0]['ip_address'], far['fixed_ips'][0]['ip_address'], '203.0.113.200'}
    assert state['address_sets'] == [{'id': group['id'], 'addresses': sorted(addresses)}]
    rule = demo.make('security_group_rule', security_group_id=group['id'], direction='ingress', protocol='icmp')
    for agent in (h1, h2):
        [port] = agent.fetch()['ports']
        assert {'direction': 'ingress', 'protocol': '1'} in port['rules']
    demo.ok('DELETE', f'security-group-rules/{rule["id"]}')
    assert h1.fetch() is not None
    demo.ok('DELETE', f'ports/{far["id"]}')
    assert h1.fetch()['address_sets'][0]['addresses'] == [near['fixed_ips'][0]['ip_address']]
    demo.ok('DELETE', f'ports/{near["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')
    demo.ok('DELETE', f'security-groups/{group["id"]}')


class Listener:
    """Whoever waits for ports, and an agent's ears."""

    def __init__(self):
        self.heard = queue.Queue()

    def port_active(self, ctx, port, device):
        self.heard.put(('active', port, device))

    def addresses_changed(self, ctx, port, device):
        self.heard.put(('addresses', port, device))

    def refresh(self, ctx):
        self.heard.put(('refresh',))


def test_those_who_wait_are_told(cloud, admin, demo, h1):
    listener, ears = Listener(), Listener()
    broker = cloud.runtime.broker
    serving = [broker.serve(PortEvents, listener, host='waiting'), broker.serve(NetworkAgent, ears, host='h1')]
    network, _ = demo.network('10.35.0.0/24')
    port = bind(admin, demo, network, 'h1')
    assert ears.heard.get(timeout=60) == ('refresh',)
    h1.wire()
    assert listener.heard.get(timeout=60) == ('active', port['id'], 'vm-h1')
    h1.wire()
    demo.ok('DELETE', f'ports/{port["id"]}')
    assert listener.heard.get(timeout=60) == ('addresses', port['id'], 'vm-h1'), 'and nothing of being wired again'
    demo.ok('DELETE', f'networks/{network["id"]}')
    for server in serving:
        server.stop(1)
    assert listener.heard.empty()


def test_agents_as_administrators_see_them(admin, demo, h1, h2):
    agents = {agent['host']: agent for agent in admin.ok('GET', 'agents')['agents']}
    assert agents['h1']['alive'] is True
    assert agents['h1']['configurations']['tunnel_ip'] == '192.0.2.1'
    assert agents['h2']['configurations']['serves_networks'] is False
    assert admin.ok('GET', 'agents?host=h2')['agents'] == [agents['h2']]
    path = f'agents/{agents["h2"]["id"]}'
    assert admin.ok('PUT', path, {'agent': {'description': 'rack 4'}})['agent']['description'] == 'rack 4'
    assert admin.error('DELETE', path) == (409, 'AgentInUse')
    assert demo.ok('GET', 'agents')['agents'] == []
    assert demo.error('GET', path) == (403, 'PolicyNotAuthorized')


def test_the_work_of_a_dead_host_is_done_by_another(cloud, admin, demo, h1):
    service = cloud.service
    network, subnet = demo.network('10.36.0.0/24')
    router = demo.make('router')
    demo.ok('PUT', f'routers/{router["id"]}/add_router_interface', {'subnet_id': subnet['id']})
    assert admin.ok('GET', f'routers/{router["id"]}/l3-agents')['agents'][0]['host'] == 'h1'
    h3 = cloud.agent('h3')
    h3.wire()
    agent = admin.ok('GET', 'agents?host=h1')['agents'][0]
    admin.ok('PUT', f'agents/{agent["id"]}', {'agent': {'admin_state_up': False}})
    placement_of_agents.sweep(service)
    assert admin.ok('GET', f'routers/{router["id"]}/l3-agents')['agents'][0]['host'] == 'h3'
    assert admin.ok('GET', f'networks/{network["id"]}/dhcp-agents')['agents'][0]['host'] == 'h3'
    assert [found['id'] for found in h3.fetch()['routers']] == [router['id']]
    assert router['id'] not in {found['id'] for found in h1.fetch().get('routers', ())}
    admin.ok('PUT', f'agents/{agent["id"]}', {'agent': {'admin_state_up': True}})
    demo.ok('PUT', f'routers/{router["id"]}/remove_router_interface', {'subnet_id': subnet['id']})
    demo.ok('DELETE', f'routers/{router["id"]}')
    demo.ok('DELETE', f'networks/{network["id"]}')


def test_a_host_that_falls_silent_is_down_and_one_that_returns_is_up(cloud, admin, h1):
    cloud.agent('h4').wire()
    agent = admin.ok('GET', 'agents?host=h4')['agents'][0]
    assert (agent['alive'], agent['admin_state_up']) == (True, True)
    silence(cloud, agent['id'])
    silent = admin.ok('GET', 'agents?host=h4')['agents'][0]
    assert (silent['alive'], silent['heartbeat_timestamp']) == (False, '2020-01-01 00:00:00')
    assert admin.ok('GET', 'agents?alive=False')['agents'] == [silent]
    cloud.agent('h4').wire()
    assert admin.ok('GET', 'agents?host=h4')['agents'][0]['alive'] is True
    silence(cloud, agent['id'])
    admin.ok('DELETE', f'agents/{agent["id"]}')
    assert admin.error('GET', f'agents/{agent["id"]}') == (404, 'AgentNotFound')


def test_a_network_that_was_there_before_any_host_is_served_by_the_first(cloud, admin, demo):
    for agent in admin.ok('GET', 'agents')['agents']:
        silence(cloud, agent['id'])
    network, _ = demo.network('10.37.0.0/24')
    path = f'ports?network_id={network["id"]}&device_owner=network:dhcp'
    placement_of_agents.sweep(cloud.service)
    assert admin.ok('GET', path)['ports'] == []
    cloud.agent('h5').wire()
    placement_of_agents.sweep(cloud.service)
    assert [port['binding:host_id'] for port in admin.ok('GET', path)['ports']] == ['h5']
    demo.ok('DELETE', f'networks/{network["id"]}')
    silence(cloud, admin.ok('GET', 'agents?host=h5')['agents'][0]['id'])
