"""The signature (OAuth 1.0) of a request."""

from __future__ import annotations

from common.api.call import Call
from identity.oauth1_signatures import SignedRequest, parse


def signed_request(call: Call) -> SignedRequest:
    """What the header `Authorization` says about this request. Raises Unauthorized."""
    environ = call.environ
    base = call.service.oauth_options.public_url.rstrip('/') or call.base_url
    return parse(
        environ['REQUEST_METHOD'], base + environ.get('PATH_INFO', ''), environ.get('QUERY_STRING', ''), call.header('Authorization')
    )
