"""Whose word is taken for where a request comes from."""

from __future__ import annotations

import pytest

from common.middleware.proxied import filter_factory


def seen(remote, trusted='10.0.0.0/8 2001:db8::1', **headers):
    """Address and scheme that the application sees."""
    found = {}
    app = filter_factory({}, trusted=trusted)(lambda environ, start_response: found.update(environ) or [b''])
    app({'REMOTE_ADDR': remote, 'wsgi.url_scheme': 'http', **{f'HTTP_{name.upper()}': value for name, value in headers.items()}}, None)
    return found['REMOTE_ADDR'], found['wsgi.url_scheme']


@pytest.mark.parametrize(
    ('remote', 'said', 'expected'),
    [
        ('10.0.0.1', '198.51.100.7', '198.51.100.7'),
        ('10.0.0.1', '1.2.3.4, 198.51.100.7', '198.51.100.7'),  # the first is what the client claims
        ('10.0.0.1', '1.2.3.4, 198.51.100.7, 10.0.0.2', '198.51.100.7'),
        ('2001:db8::1', '2001:db8:5::9', '2001:db8:5::9'),
        ('::ffff:10.0.0.1', '198.51.100.7', '198.51.100.7'),
        ('10.0.0.1', '10.0.0.2', '10.0.0.2'),
        ('10.0.0.1', 'nonsense', '10.0.0.1'),
        ('10.0.0.1', '198.51.100.7, nonsense', '10.0.0.1'),
        ('198.51.100.7', '192.0.2.1', '198.51.100.7'),  # no proxy of ours
        ('10.0.0.1', ', '.join(['10.0.0.2'] * 500), '10.0.0.2'),
    ],
)
def test_the_address_is_what_our_proxies_noted(remote, said, expected):
    assert seen(remote, x_forwarded_for=said)[0] == expected


def test_the_scheme_is_what_our_proxies_say():
    assert seen('10.0.0.1', x_forwarded_proto='https') == ('10.0.0.1', 'https')
    assert seen('10.0.0.1', x_forwarded_proto='gopher') == ('10.0.0.1', 'http')
    assert seen('198.51.100.7', x_forwarded_proto='https') == ('198.51.100.7', 'http')


def test_without_proxies_nothing_is_taken_from_headers():
    assert seen('10.0.0.1', trusted='', x_forwarded_for='192.0.2.1', x_forwarded_proto='https') == ('10.0.0.1', 'http')
