"""An image far larger than what the service may hold passes through it: memory stays where it is, up and down."""

from __future__ import annotations

import http.client
import os
import pathlib
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud

GIB, MIB = 1 << 30, 1 << 20
MOST = 48 * MIB
"""Of growth: a few pieces of 1 MiB on their way to each hash, and what the allocator keeps."""


class Watched:
    """The largest amount of memory that this process, service and client in one, had at any look."""

    def __init__(self) -> None:
        self.before = self.largest = self._now()

    @staticmethod
    def _now() -> int:
        return int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGESIZE')

    def look(self) -> None:
        self.largest = max(self.largest, self._now())

    @property
    def growth(self) -> int:
        return self.largest - self.before


def zeros(watched: Watched) -> Iterator[bytes]:
    piece = bytes(MIB)
    for number in range(GIB // MIB):
        if number % 16 == 0:
            watched.look()
        yield piece


@pytest.fixture
def connection(cloud: TestCloud) -> Iterator[http.client.HTTPConnection]:
    parts = urllib.parse.urlsplit(cloud.client().catalog['image'])
    made = http.client.HTTPConnection(parts.hostname or '', parts.port, timeout=120)
    yield made
    made.close()


def image(client: Client, data: bytes | None = None) -> str:
    made = str(client.ask('POST', 'image', '/v2/images', {'name': 'large', 'disk_format': 'raw', 'container_format': 'bare'})['id'])
    if data is not None:
        octets = {'Content-Type': 'application/octet-stream'}
        assert client.raw('PUT', f'{client.catalog["image"]}/v2/images/{made}/file', data, headers=octets)[0] == 204
    return made


def test_a_gibibyte_up_and_down(cloud: TestCloud, connection: http.client.HTTPConnection) -> None:
    client = cloud.client()
    image(client, b'\0' * 8 * MIB)  # what is imported and allocated once is there
    made, headers = image(client), {'X-Auth-Token': client.token, 'Content-Type': 'application/octet-stream'}
    watched = Watched()
    connection.request('PUT', f'/v2/images/{made}/file', body=zeros(watched), headers={**headers, 'Content-Length': str(GIB)})
    answer = connection.getresponse()
    assert answer.status == 204, answer.read()
    answer.read()
    assert watched.growth < MOST, f'{watched.growth / MIB:.0f} MiB more while it went up'
    assert client.ask('GET', 'image', f'/v2/images/{made}')['size'] == GIB
    watched, have = Watched(), 0
    connection.request('GET', f'/v2/images/{made}/file', headers=headers)
    answer = connection.getresponse()
    while piece := answer.read(4 * MIB):
        have += len(piece)
        watched.look()
    client.ask('DELETE', 'image', f'/v2/images/{made}')
    assert have == GIB and watched.growth < MOST, f'{watched.growth / MIB:.0f} MiB more while it came down'
