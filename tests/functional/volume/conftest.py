"""Clients of the volume service, and volumes that are gone after each test."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.client import Client
from tests.functional.cloud import TestCloud, eventually

NEW = {'OpenStack-API-Version': 'volume 3.44'}


class Volumes:
    """Makes volumes for one project and removes them again."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.url = client.catalog['volumev3']
        self.made: list[str] = []

    def create(self, status: str = 'available', **values: Any) -> dict[str, Any]:
        """A volume of 1 GiB, once it has reached a status."""
        made = self.client.ask('POST', 'volumev3', '/volumes', {'volume': {'size': 1, **values}})['volume']
        assert made['status'] == 'creating'
        self.made.append(made['id'])
        return self.reach(made['id'], status)

    def reach(self, volume: str, status: str) -> dict[str, Any]:
        """The volume once it has a status."""
        return eventually(lambda: (found := self.show(volume))['status'] == status and found, what=f'volume {volume} {status}')

    def show(self, volume: str) -> dict[str, Any]:
        return dict(self.client.ask('GET', 'volumev3', f'/volumes/{volume}')['volume'])

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request with the newest microversion: (status, parsed body)."""
        status, _, data = self.client.raw(method, self.url + path, body, headers=NEW)
        return status, json.loads(data) if data else None

    def act(self, volume: str, action: dict[str, Any]) -> tuple[int, Any]:
        return self.ask('POST', f'/volumes/{volume}/action', action)

    def gone(self, volume: str) -> bool:
        return self.ask('GET', f'/volumes/{volume}')[0] == 404

    def clear(self) -> None:
        """Remove all that was made."""
        for volume in self.made:
            for attachment in self.client.ask('GET', 'volumev3', f'/attachments?volume_id={volume}', headers=NEW)['attachments']:
                self.ask('DELETE', f'/attachments/{attachment["id"]}')
            self.ask('DELETE', f'/volumes/{volume}')
        eventually(lambda: all(self.gone(volume) for volume in self.made), what='deletion')


@pytest.fixture
def volumes(cloud: TestCloud) -> Iterator[Volumes]:
    """Of the administrator's project."""
    made = Volumes(cloud.client())
    yield made
    made.clear()


@pytest.fixture(scope='module')
def member(cloud: TestCloud) -> Client:
    """A user of a project that no other module of tests knows."""
    return cloud.newcomer(f'volumes-{uuid.uuid4()}')


@pytest.fixture
def theirs(member: Client) -> Iterator[Volumes]:
    """Of another project, whose user is no administrator."""
    made = Volumes(member)
    yield made
    made.clear()
