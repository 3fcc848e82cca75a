"""Registered limits of images, without bound: the suite's tests of limits want them, and give their own projects smaller ones."""

from __future__ import annotations

from image.quotas import RESOURCES
from tests.bench.client import Client


def register(client: Client) -> None:
    """Register those that are not."""
    service = client.ask('GET', 'identity', '/services?type=image')['services'][0]['id']
    there = client.ask('GET', 'identity', f'/registered_limits?service_id={service}')['registered_limits']
    missing = [name for name in RESOURCES if name not in {one['resource_name'] for one in there}]
    wanted = [{'service_id': service, 'region_id': 'RegionOne', 'resource_name': name, 'default_limit': -1} for name in missing]
    if wanted:
        client.ask('POST', 'identity', '/registered_limits', {'registered_limits': wanted})
