"""What the operator may say about segments, and how they are named."""

from __future__ import annotations

import pytest

from common.config import ConfigError
from network.conf import NetworkOptions
from network.segments import Segment, Segments


def test_keys_that_no_two_networks_share():
    assert Segment('vxlan', None, 5).key == 'vxlan:5'
    assert Segment('vlan', 'phys', 5).key == 'vlan:phys:5'
    assert Segment('flat', 'phys').key == 'flat:phys'
    assert Segment('local').key is None


def test_ranges_from_options():
    found = Segments.of(NetworkOptions(vxlan_ranges=['5:9', '20'], vlan_ranges=['a:10:20', 'a:30:40', 'b']))
    assert found.vxlan == ((5, 9), (20, 20))
    assert found.vlan == {'a': ((10, 20), (30, 40)), 'b': ()}
    assert (found.mtu('vxlan'), found.mtu('flat')) == (1450, 1500)
    assert Segments.of(NetworkOptions(tunnel_version=6, mtu=9000)).mtu('vxlan') == 8930


@pytest.mark.parametrize(
    'options',
    [
        {'network_types': ['gre']}, {'vxlan_ranges': ['9:5']}, {'vxlan_ranges': ['0:5']}, {'vxlan_ranges': ['1:99999999']}, {'vxlan_ranges': ['a:b']},
        {'vlan_ranges': ['phys:1:4095']},
    ],
)  # fmt: skip
def test_options_that_cannot_be(options):
    with pytest.raises(ConfigError):
        Segments.of(NetworkOptions(**options))
