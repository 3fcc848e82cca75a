"""kill -9 of the processes of a distributed image service in the middle of imports and of staging: all end well, nothing is left over."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import signal
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.client import Client
from tests.chaos.cloud import client_of, distributed, needs_servers, patiently, until
from tests.functional.image.web import Web, web_server

PAUSES = (0.0, 0.2, 0.5, 0.9)
"""Seconds after the requests at which the process dies; the transfer takes about one."""
DATA = os.urandom(3 << 20)
NEW = {'name': 'chaos', 'disk_format': 'raw', 'container_format': 'bare'}
OPTIONS = '[image]\nallowed_networks = 127.0.0.0/8\nimport_allowed_ports = 1-65535\nupload_idle = 5\n'


@pytest.fixture(scope='module')
def state() -> Iterator[pathlib.Path]:
    with distributed(hosts=1, options=OPTIONS) as directory:
        yield directory


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as made:
        made.data, made.pace = DATA, 0.02
        yield made


def processes(state: pathlib.Path) -> dict[str, int]:
    end = time.monotonic() + 60
    while True:
        try:
            return {name: int(pid) for name, pid in json.loads((state / 'run' / 'processes.json').read_text()).items()}
        except ValueError:  # read while it is written
            assert time.monotonic() < end


def victims(state: pathlib.Path) -> list[str]:
    return sorted(name for name in processes(state) if name.startswith('image'))


def kill(state: pathlib.Path, name: str) -> None:
    """End a process and wait until another one is there in its place."""
    pid = processes(state)[name]
    os.kill(pid, signal.SIGKILL)
    until(lambda: processes(state).get(name, pid) != pid, f'{name} is back')


def show(client: Client, image: str) -> dict[str, Any]:
    return dict(patiently(client, 'GET', 'image', f'/v2/images/{image}')[1])


def create(client: Client) -> str:
    status, made = patiently(client, 'POST', 'image', '/v2/images', NEW)
    assert status == 201, made
    return str(made['id'])


def check(client: Client, image: str, what: str) -> None:
    """The image is active and has all of its data."""
    until(lambda: show(client, image)['status'] == 'active', what)
    assert client.ask('GET', 'image', f'/v2/images/{image}/file') == DATA, what
    tasks = patiently(client, 'GET', 'image', f'/v2/images/{image}/tasks')[1]['tasks']
    assert [task['status'] for task in tasks] == ['success'], what
    assert patiently(client, 'DELETE', 'image', f'/v2/images/{image}')[0] in (204, 404)


def left_over(state: pathlib.Path) -> list[str]:
    return [path.name for folder in ('staging',) for path in (state / folder).iterdir()]


@needs_servers
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_imports_survive_the_end_of_any_process(state: pathlib.Path, web: Web) -> None:
    client = client_of(state)
    names = victims(state)
    assert len(names) >= 2, names
    for name in names:
        for pause in PAUSES:
            images = [create(client) for _ in range(2)]
            for image in images:
                body = {'method': {'name': 'web-download', 'uri': web.url}}
                status, answer = patiently(client, 'POST', 'image', f'/v2/images/{image}/import', body)
                assert status == 202, answer
            time.sleep(pause)
            kill(state, name)
            for image in images:
                check(client, image, f'{name} killed {pause} s into an import')
    until(lambda: not left_over(state), 'an empty staging area')


@needs_servers
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stage_that_is_cut_off_counts_for_nothing(state: pathlib.Path) -> None:
    client = client_of(state)
    api = next(name for name in victims(state) if 'api' in name)
    image = create(client)
    address = urllib.parse.urlsplit(client.catalog['image']).netloc
    half = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield DATA[: len(DATA) // 2]
        half.set()
        time.sleep(300)

    def send() -> None:
        connection = http.client.HTTPConnection(address, timeout=600)
        headers = {'X-Auth-Token': client.token, 'Content-Type': 'application/octet-stream'}
        try:
            connection.request('PUT', f'/v2/images/{image}/stage', slowly(), headers)
            connection.getresponse()
        except OSError:
            return

    threading.Thread(target=send, daemon=True).start()
    assert half.wait(60)
    until(lambda: show(client, image)['status'] == 'uploading', 'the stage has begun')
    kill(state, api)
    until(lambda: show(client, image)['status'] == 'queued', 'the image is given back')
    until(lambda: not left_over(state), 'an empty staging area')
    whole = {'X-Auth-Token': client.token, 'Content-Type': 'application/octet-stream'}
    assert client.raw('PUT', f'{client.catalog["image"]}/v2/images/{image}/stage', DATA, headers=whole)[0] == 204
    assert patiently(client, 'POST', 'image', f'/v2/images/{image}/import', {'method': {'name': 'glance-direct'}})[0] == 202
    check(client, image, 'the second stage')
