"""Requests signed as OAuth 1.0 wants it (RFC 5849), with HMAC-SHA1 or HMAC-SHA256, in the header `Authorization`."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Iterable

from common.errors import Unauthorized

_DIGESTS = {'HMAC-SHA1': 'sha1', 'HMAC-SHA256': 'sha256'}
_PAIR = re.compile(r'\s*([^=\s,"]+)\s*=\s*"([^"]*)"\s*(?:,|$)')
_DEFAULT_PORTS = {'http': 80, 'https': 443}
_LONGEST = 8192  # of the header, in characters
_KEY = re.compile(r'[!-~]{1,64}\Z')
# Query parameters that clients add after they have signed.
_UNSIGNED = frozenset({'nocatalog'})


@dataclasses.dataclass(frozen=True, slots=True)
class SignedRequest:
    """What was signed, and by whom. `parameters` are those of the query and of the header, decoded, but not the signature."""

    method: str
    url: str
    parameters: tuple[tuple[str, str], ...]
    consumer_key: str
    signature: str = dataclasses.field(repr=False)
    algorithm: str
    timestamp: int
    nonce: str
    token: str | None = None
    verifier: str | None = dataclasses.field(default=None, repr=False)
    callback: str | None = None

    def is_signed_with(self, consumer_secret: str, token_secret: str = '') -> bool:
        """Whether the signature was made with these secrets."""
        key = f'{_escape(consumer_secret)}&{_escape(token_secret)}'.encode()
        all_of_them = self.parameters
        fewer = tuple(pair for pair in all_of_them if pair[0] not in _UNSIGNED)
        fitting = [self._fits(key, parameters) for parameters in (all_of_them, fewer)]
        return any(fitting)

    def _fits(self, key: bytes, parameters: Iterable[tuple[str, str]]) -> bool:
        expected = hmac.digest(key, self._base_string(parameters).encode(), _DIGESTS[self.algorithm])
        return hmac.compare_digest(base64.b64encode(expected), self.signature.encode())

    def _base_string(self, parameters: Iterable[tuple[str, str]]) -> str:
        """RFC 5849, section 3.4.1."""
        pairs = sorted((_escape(name), _escape(value)) for name, value in parameters)
        normalized = '&'.join(f'{name}={value}' for name, value in pairs)
        return '&'.join(_escape(part) for part in (self.method.upper(), _base_uri(self.url), normalized))

    @property
    def digest(self) -> str:
        """What tells this request from any other one that its consumer may send; 64 hex digits."""
        parts = (self.consumer_key, self.token or '', str(self.timestamp), self.nonce)
        return hashlib.sha256('&'.join(_escape(part) for part in parts).encode()).hexdigest()


def parse(method: str, url: str, query: str, authorization: str | None) -> SignedRequest:
    """The signed request that a header tells of.

    :param url: as the client asked for it, without the query
    :param query: the query as it was sent
    :param authorization: the header; None where there is none
    :raises Unauthorized: the header is missing, or not of the form that RFC 5849, section 3.5.1, asks for
    """
    given = _header(authorization or '')
    try:
        timestamp, algorithm = int(given.get('oauth_timestamp', '')), given['oauth_signature_method'].upper()
        if algorithm not in _DIGESTS or given.get('oauth_version', '1.0') != '1.0' or not 0 <= timestamp < 2**40:
            raise ValueError('unknown method or version')
        if not all(_KEY.match(key) for key in (given['oauth_consumer_key'], given.get('oauth_token', '-'))):
            raise ValueError('keys that cannot be ours')
        in_query = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=False, max_num_fields=64)
        signed = [(name, value) for name, value in given.items() if name not in ('realm', 'oauth_signature')]
        return SignedRequest(
            method=method,
            url=url,
            parameters=(*in_query, *signed),
            consumer_key=given['oauth_consumer_key'],
            signature=given['oauth_signature'],
            algorithm=algorithm,
            timestamp=timestamp,
            nonce=given['oauth_nonce'],
            token=given.get('oauth_token'),
            verifier=given.get('oauth_verifier'),
            callback=given.get('oauth_callback'),
        )
    except (ValueError, KeyError) as error:
        raise Unauthorized('The request is not signed as OAuth 1.0 asks for.', admin_detail=f'OAuth header: {error}') from None


def _header(text: str) -> dict[str, str]:
    """The parameters of the header, each once."""
    scheme, _, rest = text.partition(' ')
    if scheme.lower() != 'oauth' or len(text) > _LONGEST:
        raise Unauthorized('The request is not signed as OAuth 1.0 asks for.', admin_detail='there is no OAuth header')
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        pair = _PAIR.match(rest, position)
        name = urllib.parse.unquote(pair[1]) if pair else ''
        if pair is None or name in found:
            raise Unauthorized('The request is not signed as OAuth 1.0 asks for.', admin_detail='a malformed OAuth header')
        found[name] = urllib.parse.unquote(pair[2])
        position = pair.end()
    return found


def _base_uri(url: str) -> str:
    """RFC 5849, section 3.4.1.2: scheme and host in lower case, without the scheme's own port."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.lower().rpartition('@')[2]
    default = f':{_DEFAULT_PORTS.get(parts.scheme.lower(), "")}'
    return f'{parts.scheme.lower()}://{host.removesuffix(default)}{parts.path or "/"}'


def _escape(text: str) -> str:
    """RFC 5849, section 3.6."""
    return urllib.parse.quote(text, safe='~')
