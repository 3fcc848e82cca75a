"""Single fixed addresses of a server, given and taken with the client `openstack` and as old clients do it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.client import Client
from tests.functional.compute.servers import NEW, Servers, make_flavor, make_image, make_network
from tests.openstack_shell import CommandFailed, OpenStack


@pytest.fixture(scope='module')
def network(admin: Client) -> str:
    return make_network(admin, 'addressed', '10.61.0.0/24')


@pytest.fixture
def servers(admin: Client, network: str) -> Iterator[Servers]:
    name = f'addressed-{uuid.uuid4().hex[:8]}'
    made = Servers(admin, flavorRef=make_flavor(admin, name), imageRef=make_image(admin, name), networks=[{'uuid': network}])
    yield made
    made.clear()


def addresses(server: dict[str, Any]) -> list[str]:
    return [entry['addr'] for entry in server['addresses'].get('addressed', [])]


def test_an_address_is_given_and_taken(servers: Servers, openstack: OpenStack, network: str) -> None:
    made = servers.create()
    server, first = made['id'], addresses(made)[0]
    old: dict[str, str] = {}
    servers.client.ask('POST', 'compute', f'/servers/{server}/action', {'addFixedIp': {'networkId': network}}, headers=old)
    held = addresses(servers.show(server))
    assert len(held) == 2 and first in held
    ports = servers.client.ask('GET', 'network', f'/v2.0/ports?device_id={server}')['ports']
    assert len(ports) == 1 and sorted(fixed['ip_address'] for fixed in ports[0]['fixed_ips']) == sorted(held)
    openstack('server remove fixed ip', server, first)
    assert addresses(servers.show(server)) == [address for address in held if address != first]
    with pytest.raises(CommandFailed, match=f'no fixed address {first}'):
        openstack('server remove fixed ip', server, first)


def test_what_cannot_be_given_is_refused(servers: Servers, admin: Client) -> None:
    server = servers.create()['id']
    url = f'{admin.catalog["compute"]}/servers/{server}/action'
    status, _, body = admin.raw('POST', url, {'addFixedIp': {'networkId': str(uuid.uuid4())}})
    assert status == 400 and b'has no card in network' in body
    assert admin.raw('POST', url, {'removeFixedIp': {'address': 'no-address'}})[0] == 400
    status, _, body = admin.raw('POST', url, {'addFixedIp': {'networkId': str(uuid.uuid4())}}, headers=NEW)
    assert status == 400 and b'There is no such action: addFixedIp' in body
