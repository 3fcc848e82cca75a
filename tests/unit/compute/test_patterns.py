"""Patterns that lists are filtered by: what they find, and that none of them takes long."""

from __future__ import annotations

import re

import pytest

from common.errors import InvalidInput
from compute import patterns


@pytest.mark.parametrize(
    ('pattern', 'name', 'found'),
    [
        ('^web-[0-9]+$', 'web-12', True),
        ('^web-[0-9]+$', 'web-x', False),
        ('web|db', 'my-db', True),
        ('a+b', 'a+b', True),
        ('w.*.*.*.*.*b[12]', 'web2', True),
    ],
)
def test_names_are_found_by_expressions(pattern: str, name: str, found: bool) -> None:
    assert patterns.is_pattern(pattern)
    assert bool(patterns.compiled('name', pattern).search(name)) is found


@pytest.mark.parametrize('text', ['web', '^web', 'we.*b$', 'x' * 70 + '[0-9]', '[0-9', '(a+)+$', 'a*a*a*a*b', 'back\\'])
def test_what_is_plain_or_could_take_long_is_no_expression(text: str) -> None:
    assert not patterns.is_pattern(text)


@pytest.mark.parametrize('text', ['.*9' * 20 + 'f', '1*2*3*4*f', '1' * 70])
def test_an_address_pattern_that_could_take_long_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        patterns.of_address('ip', text)


def test_addresses_are_met_whole_or_by_a_pattern() -> None:
    assert patterns.of_address('ip', '10.0.0.1').search('10.0.0.1') and not patterns.of_address('ip', '10.0.0.1').search('10.0.0.12')
    assert patterns.of_address('ip', '10.0.').search('10.0.0.12') and patterns.of_address('ip', '^10.*.*7$').search('10.1.1.7')
    assert patterns.of_address('ip', '.*' * 30 + 'f').pattern.startswith('.*f|')
    assert re.search(patterns.of_address('ip6', 'fd00::.*').pattern, 'fd00::1')
