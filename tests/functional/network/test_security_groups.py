"""Security groups and their rules."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN
SSH = {'direction': 'ingress', 'protocol': 'tcp', 'port_range_min': 22, 'port_range_max': 22}


@pytest.fixture
def group(demo):
    made = demo.make('security_group', name='web', description='servers')
    yield made
    demo('DELETE', f'security-groups/{made["id"]}')


def test_the_default_group_is_there_when_first_asked_for(other):
    [default] = other.ok('GET', 'security-groups')['security_groups']
    assert default['name'] == 'default' and default['project_id'] == other.project_id
    rules = {(rule['direction'], rule['ethertype'], rule['remote_group_id']) for rule in default['security_group_rules']}
    assert rules == {
        ('egress', 'IPv4', None), ('egress', 'IPv6', None), ('ingress', 'IPv4', default['id']), ('ingress', 'IPv6', default['id']),
    }  # fmt: skip
    path = f'security-groups/{default["id"]}'
    assert other.error('DELETE', path) == (409, 'SecurityGroupCannotRemoveDefault')
    assert other.error('PUT', path, {'security_group': {'name': 'mine'}}) == (409, 'SecurityGroupCannotUpdateDefault')
    assert other.ok('PUT', path, {'security_group': {'description': 'mine'}})['security_group']['description'] == 'mine'
    assert other.error('POST', 'security-groups', {'security_group': {'name': 'default'}}) == (409, 'SecurityGroupDefaultAlreadyExists')


def test_a_group_lets_everything_out_and_nothing_in(demo, group):
    assert {(rule['direction'], rule['ethertype']) for rule in group['security_group_rules']} == {('egress', 'IPv4'), ('egress', 'IPv6')}
    assert group['stateful'] is True and group['shared'] is False and group['tags'] == []
    changed = demo.ok('PUT', f'security-groups/{group["id"]}', {'security_group': {'name': 'www'}})['security_group']
    assert changed['name'] == 'www' and changed['revision_number'] > group['revision_number']
    assert [g['id'] for g in demo.ok('GET', 'security-groups?name=www')['security_groups']] == [group['id']]


def test_rules(demo, group):
    rule = demo.make('security_group_rule', security_group_id=group['id'], **SSH)
    assert (rule['ethertype'], rule['protocol'], rule['remote_ip_prefix']) == ('IPv4', 'tcp', None)
    shown = demo.ok('GET', f'security-groups/{group["id"]}')['security_group']['security_group_rules']
    assert rule in shown
    found = demo.ok('GET', f'security-group-rules?security_group_id={group["id"]}&direction=ingress')['security_group_rules']
    assert found == [rule]
    demo.ok('DELETE', f'security-group-rules/{rule["id"]}')
    assert demo.error('GET', f'security-group-rules/{rule["id"]}') == (404, 'SecurityGroupRuleNotFound')


@pytest.mark.parametrize('again', [{}, {'protocol': '6'}, {'protocol': 'TCP'}, {'remote_ip_prefix': '0.0.0.0/0'}, {'ethertype': 'ipv4'}])
def test_a_rule_that_says_the_same_is_refused(demo, group, again):
    demo.make('security_group_rule', security_group_id=group['id'], **SSH)
    same = {'security_group_rule': {'security_group_id': group['id'], **SSH, **again}}
    assert demo.error('POST', 'security-group-rules', same) == (409, 'SecurityGroupRuleExists')


@pytest.mark.parametrize(
    ('values', 'kind'),
    [
        ({'port_range_min': 30}, 'SecurityGroupInvalidPortRange'),
        ({'protocol': None}, 'SecurityGroupProtocolRequiredWithPorts'),
        ({'protocol': 'nonsense'}, 'SecurityGroupRuleInvalidProtocol'),
        ({'protocol': 'icmp', 'port_range_min': 300, 'port_range_max': None}, 'SecurityGroupInvalidIcmpValue'),
        ({'protocol': 'icmp', 'port_range_min': None, 'port_range_max': 0}, 'SecurityGroupMissingIcmpType'),
        ({'remote_ip_prefix': 'fd00::/8'}, 'SecurityGroupRuleParameterConflict'),
        ({'direction': 'sideways'}, 'HTTPBadRequest'),
        ({'remote_ip_prefix': '10.0.0.0/99'}, 'HTTPBadRequest'),
        ({'port_range_min': 70000, 'port_range_max': 70001}, 'SecurityGroupInvalidPortValue'),
    ],
)
def test_rules_that_make_no_sense(demo, group, values, kind):
    rule = {'security_group_rule': {'security_group_id': group['id'], **SSH, **values}}
    assert demo.error('POST', 'security-group-rules', rule) == (400, kind)


@pytest.mark.parametrize(
    'values',
    [
        {'protocol': 'icmp'}, {'protocol': 'icmp', 'port_range_min': 8, 'port_range_max': 0}, {'protocol': 'ipv6-icmp', 'ethertype': 'IPv6'},
        {'protocol': 1}, {'protocol': '112'}, {'protocol': 'any'}, {'protocol': None}, {'ethertype': 'IPv6', 'remote_ip_prefix': 'fd00::/8'},
        {'protocol': 'udp', 'port_range_min': 1, 'port_range_max': 65535}, {'protocol': 'icmp', 'ethertype': 'IPv6'},
    ],
)  # fmt: skip
def test_rules_that_do(demo, group, values):
    demo.make('security_group_rule', security_group_id=group['id'], direction='ingress', **values)


def test_a_prefix_with_host_bits_is_taken_as_its_network(demo, group):
    rule = demo.make('security_group_rule', security_group_id=group['id'], **SSH, remote_ip_prefix='10.1.2.3/8')
    assert rule['normalized_cidr'] == '10.0.0.0/8'


def test_both_remotes_are_one_too_many(demo, group):
    rule = {'security_group_id': group['id'], **SSH, 'remote_ip_prefix': '10.0.0.0/8', 'remote_group_id': group['id']}
    assert demo.error('POST', 'security-group-rules', {'security_group_rule': rule})[0] == 400


def test_rules_in_bulk_are_all_or_none(demo, group):
    def rules(*ports):
        return {
            'security_group_rules': [
                {'security_group_id': group['id'], **SSH, 'port_range_min': port, 'port_range_max': port} for port in ports
            ]
        }

    assert len(demo.ok('POST', 'security-group-rules', rules(80, 443, 8080))['security_group_rules']) == 3
    assert demo.error('POST', 'security-group-rules', rules(81, 443)) == (409, 'SecurityGroupRuleExists')
    assert len(demo.ok('GET', f'security-group-rules?security_group_id={group["id"]}&direction=ingress')['security_group_rules']) == 3


def test_a_group_in_use_stays(demo, group):
    network, _ = demo.network('10.21.0.0/24')
    port = demo.make('port', network_id=network['id'], security_groups=[group['id']])
    assert demo.error('DELETE', f'security-groups/{group["id"]}') == (409, 'SecurityGroupInUse')
    demo.ok('PUT', f'ports/{port["id"]}', {'port': {'security_groups': []}})
    demo.ok('DELETE', f'security-groups/{group["id"]}')


def test_rules_about_a_group_go_with_it(demo, group):
    remote = demo.make('security_group', name='clients')
    rule = demo.make('security_group_rule', security_group_id=group['id'], **SSH, remote_group_id=remote['id'])
    demo.ok('DELETE', f'security-groups/{remote["id"]}')
    assert demo.error('GET', f'security-group-rules/{rule["id"]}') == (404, 'SecurityGroupRuleNotFound')


def test_quota_of_rules(admin, demo, group):
    used = demo.ok('GET', f'quotas/{demo.project_id}/details')['quota']['security_group_rule']['used']
    admin.ok('PUT', f'quotas/{demo.project_id}', {'quota': {'security_group_rule': used + 1}})
    try:
        demo.make('security_group_rule', security_group_id=group['id'], **SSH)
        rule = {'security_group_rule': {'security_group_id': group['id'], 'direction': 'ingress', 'protocol': 'udp'}}
        assert demo.error('POST', 'security-group-rules', rule) == (409, 'OverQuota')
    finally:
        admin.ok('DELETE', f'quotas/{demo.project_id}')


def test_with_openstacksdk(demo):
    network = demo.sdk().network
    group = network.create_security_group(name='sdk-group')
    rule = network.create_security_group_rule(
        security_group_id=group.id, direction='ingress', ether_type='IPv4', protocol='tcp', port_range_min=80, port_range_max=80
    )
    assert rule.id in {one['id'] for one in network.get_security_group(group.id).security_group_rules}
    assert network.find_security_group('sdk-group').id == group.id
    network.delete_security_group_rule(rule)
    network.delete_security_group(group)
