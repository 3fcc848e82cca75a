"""Whom a signed request is from: for services with an EC2 or S3 API, which know no secrets of users."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import POST, Resource
from common.errors import InvalidInput
from common.policy import SERVICE, Rule
from identity import signed_requests, tokens
from identity.api import access
from identity.api.v2.tokens import access_view
from identity.authentication import Authenticated
from identity.tokens import TokenView

CHECK = Rule('identity:signatures:check', SERVICE, "Get a token for a user's signed request", scopes=access.CLOUD)
_TEXT = {'type': 'string', 'maxLength': 65536}
_PAIRS = {'type': ['object', 'null'], 'additionalProperties': {'type': ['string', 'number', 'boolean', 'null']}}
_EC2 = {
    'type': 'object',
    'required': ['access', 'signature'],
    'properties': {
        'access': {'type': 'string', 'maxLength': 255},
        'signature': {'type': 'string', 'maxLength': 255, 'x-secret': True},
        'host': _TEXT,
        'verb': _TEXT,
        'path': _TEXT,
        'params': _PAIRS,
        'headers': _PAIRS,
        'body_hash': {'type': ['string', 'null'], 'maxLength': 255},
    },
}
_EC2_BODY = {'type': 'object', 'properties': {'credentials': _EC2, 'ec2Credentials': _EC2}}
_S3 = {
    'type': 'object',
    'required': ['access', 'signature', 'token'],
    'properties': {
        'access': {'type': 'string', 'maxLength': 255},
        'signature': {'type': 'string', 'maxLength': 255, 'x-secret': True},
        'token': _TEXT,
    },
}
_S3_BODY = {'type': 'object', 'required': ['credentials'], 'properties': {'credentials': _S3}}


def _given(call: Call) -> dict[str, Any]:
    found = call.body.get('credentials') or call.body.get('ec2Credentials')
    if not found:
        raise InvalidInput('Expecting to find credentials or ec2Credentials in the request.', field='credentials')
    return dict(found)


def _view(found: Authenticated) -> TokenView:
    return TokenView(found.claims, found.proof.user, found.proof.domain, found.scope)


def check_ec2(call: Call) -> Reply:
    """A token for a request to an EC2 API."""
    found = signed_requests.of_ec2(call.service, _given(call))
    headers = {'X-Subject-Token': tokens.issue(call.service, found), 'Vary': 'X-Auth-Token'}
    return Reply(tokens.body(call.service, _view(found)), 200, headers, wrap=False)


def check_s3(call: Call) -> Reply:
    """Who signed a request to an S3 API. The caller learns about a token but does not get it: a link could become one."""
    found = signed_requests.of_s3(call.service, call.body['credentials'])
    return Reply(tokens.body(call.service, _view(found)), 200, {'Vary': 'X-Auth-Token'}, wrap=False)


def check_ec2_v2(call: Call) -> Reply:
    """As `check_ec2`, in the form of version 2.0."""
    found = signed_requests.of_ec2(call.service, _given(call))
    return Reply(access_view(call.service, tokens.issue(call.service, found), _view(found)), 200, {'Vary': 'X-Auth-Token'}, wrap=False)


SIGNED_REQUESTS = Resource(
    'tokens',
    'token',
    rules=[CHECK],
    routes=[
        POST('/v3/ec2tokens', check_ec2, policy=CHECK, body=_EC2_BODY, wrap=False, ok=200),
        POST('/v3/s3tokens', check_s3, policy=CHECK, body=_S3_BODY, wrap=False, ok=200),
        POST('/v2.0/ec2tokens', check_ec2_v2, policy=CHECK, body=_EC2_BODY, wrap=False, ok=200),
    ],
)
