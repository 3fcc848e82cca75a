"""Logging in with a request that is signed with an EC2 access key: another service got it and asks whom it is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common import clock
from common.errors import InvalidInput, NotFound, Unauthorized
from identity import ec2, signatures
from identity.authentication import Authenticated, finish
from identity.brute_force import names_in
from identity.ec2 import AccessKey
from identity.methods import Proof, application_credential, living
from identity.service import IdentityService
from identity.signatures import SignedRequest

METHOD = 'ec2credential'
_NOBODYS_SECRET = '0' * 32
_UNGUESSABLE = 32  # characters of a secret as it is made here


def of_ec2(service: IdentityService, given: dict[str, Any]) -> Authenticated:
    """A request to an EC2 API.

    :param given: `access`, `signature`, `host`, `verb`, `path`, `params`, `headers`, `body_hash` of the request
    :raises Unauthorized: for anything that does not fit, without telling what
    :raises TooManyRequests: for access keys with a secret that could be guessed, of which too many signatures were wrong of late
    """
    request, options = SignedRequest.from_message(given), service.ec2_options
    timely = signatures.ec2_is_timely(request, clock.timestamp(), options.signature_window)
    return _checked(service, request.access, lambda secret: signatures.ec2_matches(secret, request, old=options.old_signatures) and timely)


def of_s3(service: IdentityService, given: dict[str, Any]) -> Authenticated:
    """A request to an S3 API.

    :param given: `access`, `signature`, and `token`: base64 of the string that was signed
    :raises InvalidInput: for a `token` that is not base64; else as `of_ec2`
    """
    try:
        text = signatures.string_of(given['token'])
    except ValueError:
        raise InvalidInput('The token of an S3 request is base64 of the string to sign.', field='token') from None
    timely = signatures.s3_is_timely(text, clock.timestamp(), service.ec2_options.signature_window)
    return _checked(service, given['access'], lambda secret: signatures.s3_matches(secret, text, given['signature']) and timely)


def _checked(service: IdentityService, access: str, matches: Callable[[str], bool]) -> Authenticated:
    """Failures are counted where users have chosen a short secret: strangers, who know an access key from a link, must not be able
    to lock out its owner for nothing. They are counted by key alone: the service that asks has one address for all its users.
    """
    began = clock.timestamp()
    try:
        key: AccessKey | None = ec2.by_access(service, access)
    except NotFound:
        key = None
    guessable = key is not None and len(key.secret) < _UNGUESSABLE
    names = names_in({'methods': [METHOD], METHOD: {'access': access}}) if guessable else []
    proof = service.guard.around(None, names, lambda: _prove(service, key, matches))
    return finish(service, proof, [METHOD], None, began)


def _prove(service: IdentityService, key: AccessKey | None, matches: Callable[[str], bool]) -> Proof:
    right = matches(key.secret if key else _NOBODYS_SECRET)
    if key is None or not right:
        raise Unauthorized('The signature is wrong or too old, or the access key is unknown.')
    if key.limits:
        raise Unauthorized(admin_detail=f'the access key {key.access} is bound to {", ".join(key.limits)}, which is not supported')
    with service.read() as session:
        user, domain = living(service, session, key.user_id)
    if key.application_credential_id:
        proof = application_credential.prove_by_key(service, key.application_credential_id, key.project_id, user, domain)
    else:
        proof = Proof(user, domain, scope={'project': {'id': key.project_id}})
    return dataclasses.replace(proof, claims={**proof.claims, 'credential_mark': key.mark})
