"""What a list cannot be filtered by is refused: an answer with everything would be wrong."""

from __future__ import annotations

import pytest

LISTS = ('networks', 'subnets', 'ports', 'routers', 'floatingips', 'security-groups', 'security-group-rules', 'subnetpools', 'agents')


@pytest.mark.parametrize('collection', LISTS)
def test_an_unknown_filter_is_refused(admin, collection):
    answer = admin('GET', f'{collection}?colour=red')
    assert answer.status_code == 400 and 'colour' in answer.text
    assert admin.ok('GET', f'{collection}?fields=id&limit=1&sort_key=id&sort_dir=asc').keys() >= {collection.replace('-', '_')}


def test_what_one_thing_is_asked_with_is_left_alone(demo):
    network, _ = demo.network()
    assert demo.ok('GET', f'networks/{network["id"]}?colour=red')['network']['id'] == network['id']


def test_addresses_of_ports_are_asked_for_by_name(demo):
    network, _ = demo.network('10.44.0.0/24')
    port = demo.make('port', network_id=network['id'], fixed_ips=[{'ip_address': '10.44.0.9'}])
    assert [found['id'] for found in demo.ok('GET', 'ports?fixed_ips=ip_address=10.44.0.9')['ports']] == [port['id']]
    for form in ('10.44.0.9', 'address=10.44.0.9', 'ip_address='):
        answer = demo('GET', f'ports?fixed_ips={form}')
        assert answer.status_code == 400 and 'fixed_ips' in answer.text, form
