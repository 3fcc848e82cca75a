"""Many requests at once: nothing is given twice, nothing fails that need not, and what fails says why."""

from __future__ import annotations

import collections
import concurrent.futures

import pytest

from tests.databases import CHOSEN

DATABASES = CHOSEN


def at_once(cloud, user, count, request):
    """`request(client, n)` by `count` clients at the same time."""
    first = cloud.client(user)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        local = [cloud.client(user) for _ in range(16)] if count > 16 else [first]

        def run(n):
            return request(local[n % len(local)], n)

        return list(pool.map(run, range(count)))


@pytest.fixture(scope='module', autouse=True)
def roomy(admin, demo):
    limits = dict.fromkeys(('network', 'subnet', 'port', 'security_group', 'security_group_rule'), -1)
    admin.ok('PUT', f'quotas/{demo.project_id}', {'quota': limits})


def test_fifty_ports_on_a_network_of_twenty_nine_addresses(cloud, demo):
    network, _ = demo.network('10.41.0.0/27')
    answers = at_once(cloud, 'demo', 50, lambda client, n: client('POST', 'ports', {'port': {'network_id': network['id']}}))
    made = [answer.json()['port'] for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    addresses = [port['fixed_ips'][0]['ip_address'] for port in made]
    assert len(set(addresses)) == len(addresses) == 29
    assert {(answer.status_code, answer.json()['NeutronError']['type']) for answer in refused} == {(409, 'IpAddressGenerationFailure')}
    assert len(demo.ok('GET', f'ports?network_id={network["id"]}')['ports']) == 29
    for port in made:
        demo.ok('DELETE', f'ports/{port["id"]}')
    demo.make('port', network_id=network['id'])


def test_one_address_has_one_winner(cloud, demo):
    network, _ = demo.network('10.42.0.0/24')
    body = {'port': {'network_id': network['id'], 'fixed_ips': [{'ip_address': '10.42.0.50'}]}}
    found = collections.Counter(
        answer.status_code for answer in at_once(cloud, 'demo', 12, lambda client, n: client('POST', 'ports', body))
    )
    assert found == {201: 1, 409: 11}


def test_ports_of_ten_networks_at_once(cloud, demo):
    networks = [demo.network(f'10.{50 + n}.0.0/24')[0]['id'] for n in range(10)]
    answers = at_once(cloud, 'demo', 60, lambda client, n: client('POST', 'ports', {'port': {'network_id': networks[n % 10]}}))
    assert {answer.status_code for answer in answers} == {201}


def test_the_quota_holds_whatever_races(cloud, admin, other):
    admin.ok('PUT', f'quotas/{other.project_id}', {'quota': {'port': 10}})
    network, _ = other.network('10.43.0.0/24')
    answers = at_once(cloud, 'other', 24, lambda client, n: client('POST', 'ports', {'port': {'network_id': network['id']}}))
    assert collections.Counter(answer.status_code for answer in answers) == {201: 10, 409: 14}
    assert {a.json()['NeutronError']['type'] for a in answers if a.status_code == 409} == {'OverQuota'}


def test_a_rule_is_made_once(cloud, demo):
    group = demo.make('security_group', name='raced')
    rule = {
        'security_group_rule': {
            'security_group_id': group['id'],
            'direction': 'ingress',
            'protocol': 'tcp',
            'port_range_min': 1,
            'port_range_max': 9,
        }
    }
    answers = at_once(cloud, 'demo', 10, lambda client, n: client('POST', 'security-group-rules', rule))
    assert collections.Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}


def test_one_default_group_however_many_ask_first(cloud, admin):
    project = 'f' * 32
    network = admin.make('network', name='of-a-new-project', project_id=project)
    answers = at_once(
        cloud, 'admin', 10, lambda client, n: client('POST', 'ports', {'port': {'network_id': network['id'], 'project_id': project}})
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({group for answer in answers for group in answer.json()['port']['security_groups']}) == 1
    assert len(admin.ok('GET', f'security-groups?project_id={project}')['security_groups']) == 1


def test_a_network_and_its_port_do_not_part(cloud, demo):
    """Deleting a network while ports are made on it: whoever comes first wins, and nothing is left over."""
    for _ in range(3):
        network, _ = demo.network('10.44.0.0/24')

        def request(client, n, network_id=network['id']):
            if n % 3 == 2:
                return client('DELETE', f'networks/{network_id}')
            return client('POST', 'ports', {'port': {'network_id': network_id}})

        answers = at_once(cloud, 'demo', 9, request)
        codes = collections.Counter((answer.request.method, answer.status_code) for answer in answers)
        made = {answer.json()['port']['id'] for answer in answers if answer.status_code == 201}
        assert {port['id'] for port in demo.ok('GET', f'ports?network_id={network["id"]}')['ports']} == made
        gone = demo('GET', f'networks/{network["id"]}').status_code == 404
        if gone:
            assert codes == {('DELETE', 204): 1, ('DELETE', 404): 2, ('POST', 404): 6}
        else:
            assert codes == {('DELETE', 409): 3, ('POST', 201): 6}
