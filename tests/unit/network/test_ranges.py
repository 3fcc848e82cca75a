"""The arithmetic of subnets."""

from __future__ import annotations

import pytest

from common.errors import Conflict, InvalidInput
from network import subnet_ranges as ranges


@pytest.mark.parametrize(
    ('cidr', 'gateway', 'pools'),
    [
        ('10.0.0.0/24', '10.0.0.1', [('10.0.0.2', '10.0.0.254')]),
        ('10.0.0.0/30', '10.0.0.1', [('10.0.0.2', '10.0.0.2')]),
        ('10.0.0.0/31', '10.0.0.0', [('10.0.0.1', '10.0.0.1')]),
        ('10.0.0.7/32', '10.0.0.7', []),
        ('fd00::/64', 'fd00::1', [('fd00::2', 'fd00::ffff:ffff:ffff:ffff')]),
        ('fd00::/127', 'fd00::1', [('fd00::', 'fd00::')]),
        ('fd00::5/128', 'fd00::5', []),
    ],
)
def test_defaults(cidr, gateway, pools):
    assert ranges.default_gateway(cidr) == gateway
    assert ranges.default_pools(cidr, gateway) == pools


def test_a_gateway_in_the_middle_makes_two_pools():
    assert ranges.default_pools('10.0.0.0/29', '10.0.0.3') == [('10.0.0.1', '10.0.0.2'), ('10.0.0.4', '10.0.0.6')]
    assert ranges.default_pools('10.0.0.0/29', None) == [('10.0.0.1', '10.0.0.6')]
    assert ranges.default_pools('10.0.0.0/29', '192.0.2.1') == [('10.0.0.1', '10.0.0.6')]


@pytest.mark.parametrize(
    ('address', 'inside', 'usable'),
    [
        ('10.0.0.0', True, False), ('10.0.0.1', True, True), ('10.0.0.255', True, False), ('10.0.1.0', False, False), ('fd00::1', False, False),
    ],
)  # fmt: skip
def test_what_a_host_may_have(address, inside, usable):
    assert ranges.contains('10.0.0.0/24', address) is inside
    assert ranges.usable('10.0.0.0/24', address) is usable


def test_pools_are_put_in_order_and_refused_where_they_cannot_be():
    given = [{'start': '10.0.0.50', 'end': '10.0.0.60'}, {'start': '10.0.0.5', 'end': '10.0.0.9'}]
    assert ranges.checked_pools('10.0.0.0/24', given, '10.0.0.1') == [('10.0.0.5', '10.0.0.9'), ('10.0.0.50', '10.0.0.60')]
    with pytest.raises(Conflict) as refused:
        ranges.checked_pools('10.0.0.0/24', given, '10.0.0.55')
    assert refused.value.code == 'gateway_conflict_with_allocation_pools'
    with pytest.raises(InvalidInput):
        ranges.checked_pools('10.0.0.0/24', [{'start': 'fd00::1', 'end': 'fd00::2'}], None)


def test_drawing_stays_inside_and_knows_small_pools_whole():
    pools = [('10.0.0.5', '10.0.0.9'), ('10.0.0.50', '10.0.0.60')]
    inside = {f'10.0.0.{n}' for n in (*range(5, 10), *range(50, 61))}
    assert set(ranges.draw(pools, 4, 100)) == inside
    for _ in range(50):
        drawn = ranges.draw(pools, 4, 8)
        assert set(drawn) <= inside
        assert len(drawn) == len(set(drawn))
    assert ranges.draw([], 4, 8) == []
    assert set(ranges.free(pools, 4, inside - {'10.0.0.9', '10.0.0.60'})) == {'10.0.0.9', '10.0.0.60'}
    assert len(ranges.draw([('fd00::2', 'fd00::ffff:ffff:ffff:ffff')], 6, 8)) == 8


def test_an_address_from_a_mac_address():
    assert ranges.from_mac('2001:db8::/64', 'fa:16:3e:00:00:01') == '2001:db8::f816:3eff:fe00:1'


def test_overlaps():
    assert ranges.overlap('10.0.0.0/16', '10.0.4.0/24')
    assert not ranges.overlap('10.0.0.0/16', '10.1.0.0/16')
    assert not ranges.overlap('::/0', '10.1.0.0/16')
