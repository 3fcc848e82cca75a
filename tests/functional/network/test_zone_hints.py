"""Zones that networks and routers ask for."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize('kind', ['network', 'router'])
def test_a_zone_that_does_not_exist_is_refused(demo, kind):
    zone = demo.ok('GET', 'availability_zones')['availability_zones'][0]['name']
    assert demo.make(kind, name='zoned', availability_zone_hints=[zone])['availability_zone_hints'] == [zone]
    before = demo.ok('GET', f'{kind}s')
    body = {kind: {'name': 'zoned', 'availability_zone_hints': [zone, 'nowhere']}}
    assert demo.error('POST', f'{kind}s', body) == (404, 'AvailabilityZoneNotFound')
    assert 'nowhere' in demo('POST', f'{kind}s', body).text
    assert demo.ok('GET', f'{kind}s') == before
