"""A distributed, simulated cloud with processes of its own, and asking it patiently."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.bench.client import Client

needs_servers = pytest.mark.skipif(
    shutil.which('rabbitmq-server') is None or shutil.which('mariadbd') is None, reason='RabbitMQ or MariaDB is not installed'
)


def stack(*words: str) -> None:
    """Run the command of `tools/stack`."""
    subprocess.run([sys.executable, '-m', 'pileus.stack', *words], check=True, timeout=180, stdout=subprocess.DEVNULL)


def up(state: pathlib.Path, hosts: int = 5) -> None:
    """Start the cloud of a state folder, or what is missing of it."""
    stack('up', '--state', str(state), '--simulated', '--hosts', str(hosts), '--deployment', 'distributed')


@contextlib.contextmanager
def distributed(hosts: int = 5, options: str = '') -> Iterator[pathlib.Path]:
    """The state folder of a cloud that runs within the block; `options` are those that its operator sets."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix='pileus-chaos-'))
    try:
        (directory / 'local.conf').write_text(options)
        up(directory, hosts)
        yield directory
    finally:
        stack('down', '--state', str(directory), '--purge')


def client_of(state: pathlib.Path) -> Client:
    """The administrator, without limits on servers."""
    client = Client('http://127.0.0.1:5000/v3', 'admin', (state / 'run' / 'admin-password').read_text().strip(), 'admin')
    client.ask('PUT', 'compute', f'/os-quota-sets/{client.project_id}', {'quota_set': {'instances': -1, 'cores': -1, 'ram': -1}})
    return client


def patiently(client: Client, method: str, service: str, path: str, body: Any = None, seconds: float = 60) -> tuple[int, Any]:
    """(status, body) of the first answer that is none of a service that is away."""
    headers = {'X-Auth-Token': client.token, 'Accept': 'application/json'}
    end = time.monotonic() + seconds
    while True:
        try:
            answer = requests.request(method, client.catalog[service] + path, json=body, headers=headers, timeout=30)
            if answer.status_code < 500:
                return answer.status_code, answer.json() if answer.content else None
            what = f'{answer.status_code} {answer.text[:200]}'
        except requests.RequestException as error:
            what = str(error)
        assert time.monotonic() < end, f'{method} {service} {path}: {what}'
        time.sleep(0.1)


def until(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """The first true value of a condition; fails with these words when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f'not so in time: {what}'
        time.sleep(0.2)
    return value
