"""kill -9 of each process of a distributed cloud in the middle of boots and deletes: all end well, nothing is left over."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.client import Client
from tests.chaos.cloud import client_of, distributed, needs_servers, patiently, until, up

PAUSES = (0.0, 0.15, 0.4)
"""Seconds after the requests at which the process dies: before, in and behind the first steps."""


@pytest.fixture(scope='module')
def state() -> Iterator[pathlib.Path]:
    with distributed() as directory:
        yield directory


def _processes(state: pathlib.Path) -> dict[str, int]:
    found = json.loads((state / 'run' / 'processes.json').read_text())
    return {name: int(pid) for name, pid in found.items()}


def _restarted(state: pathlib.Path, name: str, pid: int) -> bool:
    try:
        return _processes(state).get(name, pid) != pid
    except ValueError:
        return False


def _boot(client: Client, name: str, image: str, network: str) -> str:
    body = {'server': {'name': name, 'imageRef': image, 'flavorRef': '42', 'networks': [{'uuid': network}]}}
    status, answer = patiently(client, 'POST', 'compute', '/servers', body)
    assert status == 202, answer
    return str(answer['server']['id'])


def _until(client: Client, path: str, good: Any, what: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while True:
        status, answer = patiently(client, 'GET', 'compute', path)
        if good(status, answer):
            return
        server = (answer or {}).get('server', {})
        assert server.get('status') != 'ERROR', f'{what}: {server.get("fault")}'
        assert time.monotonic() < end, f'{what}: {status} {server.get("status")}'
        time.sleep(0.2)


def _active(status: int, answer: Any) -> bool:
    return status == 200 and answer['server']['status'] == 'ACTIVE'


def _gone(status: int, answer: Any) -> bool:
    return status == 404


@needs_servers
@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_boots_and_deletes_survive_the_end_of_any_process(state: pathlib.Path) -> None:
    client = client_of(state)
    image = client.ask('GET', 'image', '/v2/images?name=cirros-pileus')['images'][0]['id']
    network = client.ask('GET', 'network', '/v2.0/networks?name=private')['networks'][0]['id']
    victims = sorted(_processes(state))
    assert len(victims) >= 10 and 'supervisor' in victims
    standing = [_boot(client, f'first-{n}', image, network) for n in range(2)]
    kept = [_boot(client, 'kept', image, network)]
    for server in (*kept, *standing):
        _until(client, f'/servers/{server}', _active, 'a first server')
    for name in victims:
        for pause in PAUSES:
            pid = _processes(state)[name]
            booting = [_boot(client, f'{name}-{pause}-{n}', image, network) for n in range(2)]
            for server in standing:
                assert patiently(client, 'DELETE', 'compute', f'/servers/{server}')[0] in (204, 404)
            time.sleep(pause)
            os.kill(pid, signal.SIGKILL)
            if name == 'supervisor':  # all others end with it, and nobody but the operator starts it again
                up(state)
            for server in booting:
                _until(client, f'/servers/{server}', _active, f'{name} killed {pause} s into a boot')
            for server in standing:
                _until(client, f'/servers/{server}', _gone, f'{name} killed {pause} s into a delete')
            for server in kept:
                _until(client, f'/servers/{server}', _active, f'{name} killed beside a server at rest')
            until(lambda name=name, pid=pid: _restarted(state, name, pid), f'{name} is back')
            standing = booting
    _clean(client, [*standing, *kept], network)


def _clean(client: Client, standing: list[str], network: str) -> None:
    """Delete what is there; no port, address or claim may be left over."""
    for server in standing:
        patiently(client, 'DELETE', 'compute', f'/servers/{server}')
        _until(client, f'/servers/{server}', _gone, 'the last delete')
    end = time.monotonic() + 120
    while True:
        ports = patiently(client, 'GET', 'network', f'/v2.0/ports?network_id={network}&device_owner=compute:nova')[1]['ports']
        hosts = patiently(client, 'GET', 'compute', '/os-hypervisors/detail')[1]['hypervisors']
        left = {host['hypervisor_hostname']: host['vcpus_used'] for host in hosts if host['vcpus_used']}
        if not ports and not left:
            return
        assert time.monotonic() < end, f'left over: ports {[port["id"] for port in ports]}, claims {left}'
        time.sleep(0.5)


_MAKERS = ('compute', 'image')
"""Services whose processes have a part in making an image of a server."""


@needs_servers
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_images_of_servers_survive_the_end_of_any_process_that_makes_them(state: pathlib.Path) -> None:
    client = client_of(state)
    image = client.ask('GET', 'image', '/v2/images?name=cirros-pileus')['images'][0]['id']
    network = client.ask('GET', 'network', '/v2.0/networks?name=private')['networks'][0]['id']
    server = _boot(client, 'model', image, network)
    _until(client, f'/servers/{server}', _active, 'the server')
    victims = [name for name in sorted(_processes(state)) if name.startswith(_MAKERS)]
    assert len(victims) >= 5
    for name in victims:
        for pause in (0.0, 0.03, 0.1):
            pid, copy = _processes(state)[name], f'{name}-{pause}'
            client.ask('POST', 'compute', f'/servers/{server}/action', {'createImage': {'name': copy}})
            time.sleep(pause)
            os.kill(pid, signal.SIGKILL)
            _until(client, f'/servers/{server}', _at_rest, f'{name} killed {pause} s into making an image')
            images = patiently(client, 'GET', 'image', f'/v2/images?name={copy}')[1]['images']
            assert [found['status'] for found in images] == ['active'], f'{name} killed {pause} s into making an image'
            until(lambda name=name, pid=pid: _restarted(state, name, pid), f'{name} is back')
            _until(client, f'/servers/{server}', _at_rest, 'the API is back')
    _clean(client, [server], network)


def _at_rest(status: int, answer: Any) -> bool:
    return status == 200 and answer['server']['status'] == 'ACTIVE' and answer['server']['OS-EXT-STS:task_state'] is None
