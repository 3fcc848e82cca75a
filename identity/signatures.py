"""Signatures of requests in the manner of EC2 and S3: what a client that knows a secret would have written.

Nothing is looked up here. Versions 0 and 1 of EC2 sign little or ambiguously, so they count only where the caller says so.
Sources: Amazon's "Signature Version 2" and "Signature Version 4" documents, and "Signing and authenticating REST requests" of S3.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import email.utils
import hashlib
import hmac
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

V4 = 'AWS4-HMAC-SHA256'
_LONGEST_LINK = 7 * 86400.0  # seconds that a signed link may be good
_V4_END = 'aws4_request'
_METHODS = {'HmacSHA256': hashlib.sha256, 'HmacSHA1': hashlib.sha1}


@dataclasses.dataclass(frozen=True)
class SignedRequest:
    """A request as the service that got it describes it.

    `params` are those of the query and of a form in the body; names of `headers` are in lower case. `body_hash` is SHA-256
    of the body in hex (version 4).
    """

    access: str
    signature: str
    host: str = ''
    verb: str = 'GET'
    path: str = '/'
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body_hash: str = ''

    @classmethod
    def from_message(cls, data: Mapping[str, Any]) -> SignedRequest:
        """From the body of a request to `ec2tokens`: texts, or numbers where a text stands for one."""
        texts = {
            name: str(data[name]) for name in ('access', 'signature', 'host', 'verb', 'path', 'body_hash') if data.get(name) is not None
        }
        params = {str(name): _text(value) for name, value in (data.get('params') or {}).items()}
        headers = {str(name).strip().lower(): _text(value) for name, value in (data.get('headers') or {}).items()}
        return cls(**{'access': '', 'signature': '', **texts}, params=params, headers=headers)

    @property
    def v4(self) -> dict[str, str] | None:
        """What version 4 says about itself, in the header Authorization or in the query; None for other versions."""
        given = self.headers.get('authorization', '')
        if given.startswith(V4):
            pairs = (part.strip().partition('=') for part in given[len(V4) :].split(','))
            # Nothing else of this header counts: it is not signed.
            said = {name: value for name, _, value in pairs if name in ('Credential', 'SignedHeaders')}
            return said | {'Date': self.headers.get('x-amz-date') or self.params.get('X-Amz-Date', '')}
        if self.params.get('X-Amz-Algorithm') == V4:
            return {name: self.params.get(f'X-Amz-{name}', '') for name in ('Credential', 'SignedHeaders', 'Date', 'Expires')}
        return None


def _text(value: Any) -> str:
    return '' if value is None else str(value)


def ec2_matches(secret: str, request: SignedRequest, *, old: bool) -> bool:
    """Whether this secret made the signature. All candidates are compared, each in constant time.

    :param old: whether versions 0 and 1 count
    """
    found = False
    for candidate in _candidates(secret.encode(), request, old):
        found |= hmac.compare_digest(candidate.encode(), request.signature.encode())
    return found


def _candidates(secret: bytes, request: SignedRequest, old: bool) -> Iterator[str]:
    """Signatures that the request may have: some clients leave the port of the host out."""
    hosts = dict.fromkeys((request.host, request.host.rpartition(':')[0] or request.host))
    version = request.params.get('SignatureVersion')
    params = {name: value for name, value in request.params.items() if name not in ('Signature', 'X-Amz-Signature')}
    if version == '2':
        for host in hosts:
            yield _version_2(secret, request, params, host)
    elif version in ('0', '1'):
        if old:
            yield _version_0(secret, params) if version == '0' else _version_1(secret, params)
    elif version is None and (said := request.v4) is not None:
        host = request.headers.get('host', request.host)
        for name in dict.fromkeys((host, host.rpartition(':')[0] or host)):
            yield from _version_4(secret, request, said, _query(params), name)
            # The parameters of a POST are in its body as a rule, and the query is empty then; never where it holds the signature.
            if request.verb.upper() == 'POST' and 'Expires' not in said:
                yield from _version_4(secret, request, said, '', name)


def _base64(key: bytes, text: str | bytes, digest: Any) -> str:
    return base64.b64encode(hmac.digest(key, text.encode() if isinstance(text, str) else text, digest)).decode()


def _version_0(secret: bytes, params: Mapping[str, str]) -> str:
    return _base64(secret, params.get('Action', '') + params.get('Timestamp', ''), hashlib.sha1)


def _version_1(secret: bytes, params: Mapping[str, str]) -> str:
    return _base64(secret, ''.join(name + params[name] for name in sorted(params, key=str.lower)), hashlib.sha1)


def _version_2(secret: bytes, request: SignedRequest, params: Mapping[str, str], host: str) -> str:
    digest = _METHODS.get(params.get('SignatureMethod', 'HmacSHA256'), hashlib.sha256)
    return _base64(secret, f'{request.verb}\n{host.lower()}\n{request.path or "/"}\n{_query(params)}', digest)


def _query(params: Mapping[str, str]) -> str:
    pairs = sorted((urllib.parse.quote(name, safe=''), urllib.parse.quote(value, safe='')) for name, value in params.items())
    return '&'.join(f'{name}={value}' for name, value in pairs)


def _version_4(secret: bytes, request: SignedRequest, said: Mapping[str, str], query: str, host: str) -> Iterator[str]:
    """The signature; nothing for a request that contradicts itself or leaves the host out."""
    access, *scope = said.get('Credential', '').rsplit('/', 4)
    signed, date = said.get('SignedHeaders', ''), said.get('Date', '')
    names = signed.split(';')
    if access != request.access or len(scope) != 4 or scope[3] != _V4_END or not date.startswith(scope[0]) or 'host' not in names:
        return
    headers = {**request.headers, 'host': host}
    lines = [f'{name}:{" ".join(headers.get(name, "").split())}' for name in names]
    canonical = '\n'.join((request.verb.upper(), request.path or '/', query, *lines, '', signed, request.body_hash))
    text = '\n'.join((V4, date, '/'.join(scope), hashlib.sha256(canonical.encode()).hexdigest()))
    yield hmac.digest(_v4_key(secret, scope), text.encode(), hashlib.sha256).hex()


def _v4_key(secret: bytes, scope: list[str]) -> bytes:
    key = b'AWS4' + secret
    for part in scope:
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def s3_matches(secret: str, string_to_sign: bytes, signature: str) -> bool:
    """Whether this secret signed the string: of S3's own kind (HMAC-SHA1 in base64), or version 4 (hex)."""
    if string_to_sign.startswith(b'AWS4'):
        lines = string_to_sign.decode(errors='replace').split('\n')
        scope = lines[2].split('/') if len(lines) == 4 else []
        if lines[0] != V4 or len(scope) != 4 or scope[3] != _V4_END or not lines[1].startswith(scope[0]):
            return False
        expected = hmac.digest(_v4_key(secret.encode(), scope), string_to_sign, hashlib.sha256).hex()
    else:
        expected = _base64(secret.encode(), string_to_sign, hashlib.sha1)
    return hmac.compare_digest(expected.encode(), signature.encode())


def string_of(token: str) -> bytes:
    """The string to sign in a request to `s3tokens`: base64 of either alphabet. Raises ValueError."""
    try:
        return base64.b64decode(token.translate(str.maketrans('-_', '+/')) + '=' * (-len(token) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError('not base64') from error


def ec2_is_timely(request: SignedRequest, now: float, window: float) -> bool:
    """Whether the time that was signed is now, give or take `window` seconds, or the request says that it is good until later.

    A request without a time is never good: it could be repeated for ever.
    """
    said = request.v4
    if said is not None and 'SignatureVersion' not in request.params:
        signed, lifetime = _seconds(said.get('Date', '')), said.get('Expires', '')
        if signed is None:
            return False
        good_for = min(float(lifetime), _LONGEST_LINK) if lifetime.isascii() and lifetime.isdigit() and len(lifetime) < 9 else window
        return signed - window <= now <= signed + good_for
    if 'Timestamp' in request.params:
        signed = _seconds(request.params['Timestamp'])
        return signed is not None and abs(now - signed) <= window
    # Versions 0 and 1 do not have to sign it.
    ends = _seconds(request.params.get('Expires', '')) if request.params.get('SignatureVersion') == '2' else None
    return ends is not None and now <= ends <= now + _LONGEST_LINK


def s3_is_timely(string_to_sign: bytes, now: float, window: float) -> bool:
    """Whether the time in a string to sign of S3 may be: signed links are good for a week, for the caller to look at more closely."""
    lines = string_to_sign.decode(errors='replace').split('\n')
    if lines[0] == V4:
        signed = _seconds(lines[1]) if len(lines) > 1 else None
        return signed is not None and signed - window <= now <= signed + _LONGEST_LINK
    date = lines[3].strip() if len(lines) > 3 else ''
    if date.isascii() and date.isdigit() and len(date) < 12:
        return now <= float(date)
    stated = next((line.partition(':')[2] for line in lines[4:] if line.startswith('x-amz-date:')), date)
    signed = _seconds(stated)
    return signed is not None and abs(now - signed) <= window


def _seconds(text: str) -> float | None:
    """A time as ISO 8601 (of either form) or as mail writes it, in seconds since the epoch; None for what is none."""
    try:
        found = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            found = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
