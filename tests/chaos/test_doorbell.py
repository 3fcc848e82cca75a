"""The queue is only a doorbell: a broker that is wiped or says nothing, and a worker that is silent, cost time and lose nothing."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pileus import daemons as host_daemons
from pileus.daemons import Daemons
from tests.bench.client import Client
from tests.chaos.cloud import client_of, distributed, needs_servers, patiently, until

pytestmark = [needs_servers, pytest.mark.slow, pytest.mark.timeout(600)]
SILENCE = 20.0
"""Seconds that a broker says nothing."""


@pytest.fixture(scope='module')
def state() -> Iterator[pathlib.Path]:
    with distributed(hosts=10) as directory:
        yield directory


class Boots:
    """Asks for servers, waits for all of them, and removes them."""

    def __init__(self, state: pathlib.Path) -> None:
        self.client: Client = client_of(state)
        self.image = self.client.ask('GET', 'image', '/v2/images?name=cirros-pileus')['images'][0]['id']
        self.network = self.client.ask('GET', 'network', '/v2.0/networks?name=private')['networks'][0]['id']
        self.made: list[str] = []

    def ask(self, count: int) -> None:
        for _ in range(count):
            body = {'name': f'bell-{len(self.made)}', 'imageRef': self.image, 'flavorRef': '42', 'networks': [{'uuid': self.network}]}
            status, answer = patiently(self.client, 'POST', 'compute', '/servers', {'server': body})
            assert status == 202, answer
            self.made.append(answer['server']['id'])

    def end_well(self) -> None:
        """All ACTIVE, each with an address of its own; then all gone, with their ports."""
        for server in self.made:
            self.client.wait('compute', f'/servers/{server}', 'server', 'ACTIVE', seconds=180)
        found = [server for server in self.client.ask('GET', 'compute', '/servers/detail')['servers'] if server['id'] in self.made]
        addresses = [ip['addr'] for server in found for ips in server['addresses'].values() for ip in ips]
        assert len(set(addresses)) == len(addresses) == len(self.made)
        for server in self.made:
            assert patiently(self.client, 'DELETE', 'compute', f'/servers/{server}')[0] == 204
        until(lambda: not self.ports(), 'no port is left over')

    def ports(self) -> list[dict[str, Any]]:
        return list(self.client.ask('GET', 'network', f'/v2.0/ports?network_id={self.network}&device_owner=compute:nova')['ports'])


def rabbitmqctl(state: pathlib.Path, *words: str) -> None:
    """A command to the broker of this cloud."""
    broker = host_daemons.rabbitmq(Daemons(state))[1]
    command = pathlib.Path(broker.command[0]).with_name('rabbitmqctl')
    done = subprocess.run(
        [str(command), '-n', 'pileus@localhost', *words], env={**os.environ, **broker.environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def broker_process(state: pathlib.Path) -> int:
    """The Erlang machine that is the broker of this cloud."""
    for directory in pathlib.Path('/proc').iterdir():
        if directory.name.isdigit():
            try:
                words = (directory / 'cmdline').read_text()
            except OSError:
                continue
            if words.split('\0')[0].endswith('beam.smp') and str(state) in words:
                return int(directory.name)
    raise AssertionError('the broker of this cloud does not run')


def worker_process(state: pathlib.Path) -> int:
    return int(json.loads((state / 'run' / 'processes.json').read_text())['compute-worker'])


def test_fifty_boots_survive_a_wiped_broker(state: pathlib.Path) -> None:
    boots = Boots(state)
    boots.ask(20)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        wiped = pool.submit(lambda: [rabbitmqctl(state, verb) for verb in ('stop_app', 'reset', 'start_app')])
        boots.ask(30)
        wiped.result()
    boots.end_well()


def test_ten_boots_survive_a_broker_that_takes_connections_and_says_nothing(state: pathlib.Path) -> None:
    boots, broker = Boots(state), broker_process(state)
    boots.ask(5)
    os.kill(broker, signal.SIGSTOP)
    try:
        boots.ask(5)
        time.sleep(SILENCE)
    finally:
        os.kill(broker, signal.SIGCONT)
    boots.end_well()


def test_a_server_of_a_silent_host_is_gone_for_its_user_at_once_and_from_the_host_when_it_returns(state: pathlib.Path) -> None:
    boots, worker = Boots(state), worker_process(state)
    boots.ask(1)
    (server,) = boots.made
    boots.client.wait('compute', f'/servers/{server}', 'server', 'ACTIVE')
    kept = list((state / 'simulated').rglob(f'*{server}*'))
    assert kept, 'the host has a guest and a disk'
    os.kill(worker, signal.SIGSTOP)
    try:
        until(lambda: all(one['state'] == 'down' for one in computes(boots.client)), 'the hosts count as down')
        assert patiently(boots.client, 'DELETE', 'compute', f'/servers/{server}')[0] == 204
        assert patiently(boots.client, 'GET', 'compute', f'/servers/{server}')[0] == 404
        assert all(path.exists() for path in kept), 'nobody is there to remove them'
    finally:
        os.kill(worker, signal.SIGCONT)
    until(lambda: not any(path.exists() for path in kept), 'the host has removed what is deleted')
    until(lambda: not boots.ports(), 'no port is left over')


def computes(client: Client) -> list[dict[str, Any]]:
    found = client.ask('GET', 'compute', '/os-services')['services']
    return [one for one in found if one['binary'] == 'nova-compute']
