"""What rules say, and when two say the same."""

from __future__ import annotations

import pytest

from network.security_group_rules import fingerprint_of

RULE = {
    'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': 'tcp', 'port_range_min': 1, 'port_range_max': 2, 'remote_ip_prefix': None,
    'remote_group_id': None,
}  # fmt: skip


@pytest.mark.parametrize('change', [{'protocol': '6'}, {'remote_ip_prefix': '0.0.0.0/0'}])
def test_the_same_in_other_words(change):
    assert fingerprint_of(RULE | change) == fingerprint_of(RULE)


@pytest.mark.parametrize(
    'change',
    [
        {'direction': 'egress'}, {'ethertype': 'IPv6'}, {'protocol': 'udp'}, {'protocol': None}, {'port_range_max': 3}, {'port_range_min': None},
        {'remote_ip_prefix': '10.0.0.0/8'}, {'remote_group_id': 'g'},
    ],
)  # fmt: skip
def test_another_rule(change):
    assert fingerprint_of(RULE | change) != fingerprint_of(RULE)


def test_both_spellings_of_icmpv6():
    assert fingerprint_of(RULE | {'protocol': 'icmpv6'}) == fingerprint_of(RULE | {'protocol': 'ipv6-icmp'})
