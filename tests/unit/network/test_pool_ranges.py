"""Cutting networks from pools."""

from __future__ import annotations

import ipaddress
import random

import pytest

from network import pool_ranges


def test_prefixes_are_merged():
    assert pool_ranges.merged(['10.0.1.0/24', '10.0.0.0/24', '10.0.0.0/25']) == ['10.0.0.0/23']


@pytest.mark.parametrize(
    ('used', 'length', 'found'),
    [
        ([], 24, '10.0.0.0/24'),
        (['10.0.0.0/24'], 24, '10.0.1.0/24'),
        (['10.0.0.0/28'], 24, '10.0.1.0/24'),
        (['10.0.0.0/28'], 28, '10.0.0.16/28'),
        (['10.0.1.0/24'], 24, '10.0.0.0/24'),
        (['10.0.0.0/23'], 24, None),
        ([], 22, None),
        (['192.168.0.0/24'], 23, '10.0.0.0/23'),
    ],
)
def test_room(used, length, found):
    assert pool_ranges.room(['10.0.0.0/23'], used, length) == found


def test_room_is_in_the_next_prefix_where_the_first_is_full():
    assert pool_ranges.room(['10.0.0.0/24', '10.9.0.0/24'], ['10.0.0.0/24'], 25) == '10.9.0.0/25'


def test_a_pool_is_used_up_to_the_last_address():
    """Whatever sizes are cut in whatever order, nothing overlaps, and the smallest size fits until nothing is left."""
    chance = random.Random(7)
    used: list[str] = []
    while (found := pool_ranges.room(['10.0.0.0/22'], used, chance.choice((26, 27, 28, 30)))) or (
        found := pool_ranges.room(['10.0.0.0/22'], used, 30)
    ):
        assert not any(ipaddress.ip_network(found).overlaps(ipaddress.ip_network(other)) for other in used)
        used.append(found)
    assert sum(ipaddress.ip_network(one).num_addresses for one in used) == 1024


def test_weights():
    assert pool_ranges.weight('10.0.0.0/24') == 256
    assert pool_ranges.weight('fd00::/62') == 4
    assert pool_ranges.weight('fd00::/96') == 1
