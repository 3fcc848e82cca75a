"""The broker and the database go away in the middle of boots, and come back: every boot ends well, nothing is lost."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Iterator

import pytest

from pileus import daemons as host_daemons
from pileus.daemons import Daemons
from tests.bench.client import Client
from tests.chaos.cloud import client_of, distributed, needs_servers, until

OUTAGE = 20.0
_DATABASES = ['identity', 'scheduler', 'image', 'volume', 'network', 'compute']


@pytest.fixture(scope='module')
def state() -> Iterator[pathlib.Path]:
    with distributed() as directory:
        yield directory


def _daemons(state: pathlib.Path) -> dict[str, host_daemons.Daemon]:
    book = Daemons(state)
    database, _ = host_daemons.mariadb(book, _DATABASES)
    return {'mariadb': database, **{daemon.name: daemon for daemon in host_daemons.rabbitmq(book)}}


@needs_servers
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize('victims', [('rabbitmq',), ('mariadb',), ('rabbitmq', 'mariadb')], ids='+'.join)
def test_ten_boots_survive_an_outage(state: pathlib.Path, victims: tuple[str, ...]) -> None:
    client = client_of(state)
    image = client.ask('GET', 'image', '/v2/images?name=cirros-pileus')['images'][0]['id']
    network = client.ask('GET', 'network', '/v2.0/networks?name=private')['networks'][0]['id']
    book, known = Daemons(state), _daemons(state)
    servers = []
    for number in range(10):
        body = {'name': f'{"-".join(victims)}-{number}', 'imageRef': image, 'flavorRef': '42', 'networks': [{'uuid': network}]}
        servers.append(client.ask('POST', 'compute', '/servers', {'server': body})['server']['id'])
        if number == 4:
            # The first five are being made now; the others are asked for when everything is back.
            for name in victims:
                book.stop(name)
            time.sleep(OUTAGE)
            for name in reversed(victims):
                book.start(known[name])
            _answers_again(client)
    for server in servers:
        client.wait('compute', f'/servers/{server}', 'server', 'ACTIVE', seconds=120)
    addresses = [
        ip['addr']
        for server in servers
        for ips in client.ask('GET', 'compute', f'/servers/{server}')['server']['addresses'].values()
        for ip in ips
    ]
    assert len(addresses) == len(set(addresses)) == 10
    for server in servers:
        client.ask('DELETE', 'compute', f'/servers/{server}')
    ports = f'/v2.0/ports?network_id={network}&device_owner=compute:nova'
    until(lambda: not client.ask('GET', 'network', ports)['ports'], 'no port is left over')


def _answers_again(client: Client) -> None:
    until(lambda: client.raw('GET', f'{client.catalog["compute"]}/servers')[0] == 200, 'compute answers')
