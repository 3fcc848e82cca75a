"""A second host with an image service, in front of the same database and stores: the suite's tests across hosts ask it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from common.config import MessagingOptions, Settings
from common.runtime import Runtime
from pileus.cloud import simulated_overrides
from tests.bench.client import Client
from tests.functional.cloud import TestCloud
from tests.ports import free_ports

SERVICE_TYPE = 'image_remote'


@contextlib.contextmanager
def second_node(cloud: TestCloud, **groups: dict[str, Any]) -> Iterator[str]:
    """Its URL. It shares the state folder with the cloud, but for the cache of images, which is a host's own."""
    ports = {**cloud.ports, 'image': free_ports(1)[0]}
    image = {**groups.get('image', {}), 'cache_directory': str(cloud.state / 'image-cache-2')}
    broker = {'url': cloud.settings.get(MessagingOptions).url}
    overrides = simulated_overrides(cloud.state, ports, **{**groups, 'image': image, 'service': {'host': 'sim-2'}, 'messaging': broker})
    runtime = Runtime(Settings.load(overrides=overrides))
    runtime.build(['image'])
    runtime.start()
    try:
        yield f'http://127.0.0.1:{ports["image"]}'
    finally:
        runtime.stop()


def announce(client: Client, url: str) -> None:
    """Put it into the catalog under a type of its own."""
    found = client.ask('GET', 'identity', f'/services?type={SERVICE_TYPE}')['services']
    service = (
        found[0]
        if found
        else client.ask('POST', 'identity', '/services', {'service': {'type': SERVICE_TYPE, 'name': SERVICE_TYPE}})['service']
    )
    for endpoint in client.ask('GET', 'identity', f'/endpoints?service_id={service["id"]}')['endpoints']:
        client.ask('DELETE', 'identity', f'/endpoints/{endpoint["id"]}')
    body = {'service_id': service['id'], 'region_id': 'RegionOne', 'interface': 'public', 'url': url}
    client.ask('POST', 'identity', '/endpoints', {'endpoint': body})
