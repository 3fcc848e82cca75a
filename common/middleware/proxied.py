"""Who asks, where a proxy stands in front: its word is taken for the client's address and scheme, and nobody else's.

Without this all clients have the proxy's address, and one of them who guesses passwords would lock all others out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MOST_HOPS = 20


class Proxied:
    """WSGI middleware. Rewrites `REMOTE_ADDR` (from `X-Forwarded-For`) and `wsgi.url_scheme` (from `X-Forwarded-Proto`).

    :param trusted: networks of the proxies
    """

    def __init__(self, app: Any, trusted: Sequence[_Network]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._is_proxy(environ.get('REMOTE_ADDR', '')):
            environ['REMOTE_ADDR'] = self._client(environ['REMOTE_ADDR'], environ.get('HTTP_X_FORWARDED_FOR', ''))
            scheme = environ.get('HTTP_X_FORWARDED_PROTO', '').strip().lower()
            if scheme in ('http', 'https'):
                environ['wsgi.url_scheme'] = scheme
        found: Iterable[bytes] = self._app(environ, start_response)
        return found

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        found = getattr(found, 'ipv4_mapped', None) or found
        return any(found in network for network in self._trusted)

    def _client(self, nearest: str, said: str) -> str:
        """The address next to our proxies, of those that each of them noted: what stands before it is the client's own word."""
        for address in [part.strip() for part in said.split(',')][: -_MOST_HOPS - 1 : -1]:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return nearest
            nearest = address
            if not self._is_proxy(address):
                break
        return nearest


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], Any]:
    """For PasteDeploy; `trusted`: addresses and networks of proxies, separated by spaces (none, the default: the filter is not there)."""
    trusted = [ipaddress.ip_network(text, strict=False) for text in local.get('trusted', '').split()]
    return lambda app: Proxied(app, trusted) if trusted else app
