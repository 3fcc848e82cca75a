"""How the metadata proxy of a host proves to the metadata API which server asks.

The proxy sends the server's id with an HMAC-SHA256 of it under a secret that both know; a guest, which does not know the
secret, cannot ask for another server's data even where it reaches the API.
"""

from __future__ import annotations

import hashlib
import hmac

from common.config import group, option

INSTANCE_HEADER = 'X-Instance-ID'
PROJECT_HEADER = 'X-Tenant-ID'
SIGNATURE_HEADER = 'X-Instance-ID-Signature'
ADDRESS_HEADER = 'X-Forwarded-For'


@group('metadata')
class MetadataOptions:
    """What the metadata API and the proxies on the hosts share."""

    shared_secret: str = option('', help='Secret between metadata proxies and the metadata API; empty: made from the service password')
    cache_seconds: float = option(15.0, min=0, help='How long the metadata API remembers a server')
    vendor_data_file: str = option('', help='JSON file whose object every server gets as vendor_data.json')


def secret(options: MetadataOptions, service_password: str) -> bytes:
    """The key to sign with: the configured one, or one made from the password that all services share."""
    if options.shared_secret:
        return options.shared_secret.encode()
    return hmac.new(service_password.encode(), b'pileus metadata proxy', hashlib.sha256).digest()


def sign(key: bytes, server_id: str) -> str:
    """Hexadecimal signature of a server's id."""
    return hmac.new(key, server_id.encode(), hashlib.sha256).hexdigest()


def verify(key: bytes, server_id: str, signature: str) -> bool:
    """Whether the signature is that of the id, in constant time."""
    return hmac.compare_digest(sign(key, server_id).encode(), signature.encode('utf-8', 'replace'))
