"""What clients of old asked to check tokens by themselves: certificates and lists of the days of PKI tokens. They learn that these are gone."""

from __future__ import annotations

from common.api.call import Call
from common.api.resource import GET, Resource
from common.errors import Gone

_PATHS = ('/v3/OS-SIMPLE-CERT/ca', '/v3/OS-SIMPLE-CERT/certificates', '/v2.0/certificates/ca', '/v2.0/certificates/signing')
_REVOKED = ('/v3/auth/tokens/OS-PKI/revoked', '/v2.0/tokens/revoked')


def refuse(call: Call) -> None:
    """Always raises Gone, as keystone does since it has no PKI tokens."""
    raise Gone('Tokens are no longer signed with certificates; ask for the token itself to check it.')


CERTIFICATES = Resource('certificates', routes=[GET(path, refuse, open=True, hidden=True, listing=False) for path in (*_PATHS, *_REVOKED)])
