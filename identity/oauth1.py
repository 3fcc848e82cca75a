"""OAuth 1.0 (OS-OAUTH1): users let programs, called consumers, act for them in a project without telling them a password.

A consumer asks (request token), the user allows it and gets a verifier, the consumer changes both into an access token. With
that it signs its logins. Secrets are kept sealed: signatures can only be checked by who can read them.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock
from common.context import Context
from common.db import duplicate_as, one_or_404
from common.db.session import Session
from common.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from common.ids import new_hex_id
from identity import delegation, projects
from identity.db import oauth1 as rows
from identity.db import roles as role_rows
from identity.db.models import Role
from identity.db.oauth_models import AccessToken, Consumer, RequestToken
from identity.db.retry import retried
from identity.oauth1_signatures import SignedRequest
from identity.service import IdentityService

_SECRET_BYTES = 32
OUT_OF_BAND = 'oob'


@dataclasses.dataclass(frozen=True, slots=True)
class Issued:
    """A new request or access token. `expires_at` is UTC; None: it does not expire."""

    id: str
    secret: str = dataclasses.field(repr=False)
    expires_at: datetime.datetime | None


# Consumers


def list_consumers(service: IdentityService) -> list[Consumer]:
    """All consumers."""
    with service.read() as session:
        return rows.list_consumers(session)


def get_consumer(service: IdentityService, consumer_id: str) -> Consumer:
    """One consumer. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, Consumer, consumer_id, 'consumer')


@retried
def create_consumer(service: IdentityService, values: Mapping[str, Any]) -> tuple[Consumer, str]:
    """Make a consumer, and give it with its secret, which is not shown again. `values`: `description`, `extra`."""
    secret = secrets.token_hex(_SECRET_BYTES)
    consumer = Consumer(
        id=new_hex_id(), description=values.get('description'), sealed=service.seal.seal(secret), extra=dict(values.get('extra') or {})
    )
    with service.write() as session:
        session.add(consumer)
    return consumer, secret


@retried
def update_consumer(service: IdentityService, consumer_id: str, values: Mapping[str, Any]) -> Consumer:
    """Change the description, and what else is kept with a consumer. Raises NotFound."""
    with service.write() as session:
        consumer = one_or_404(session, Consumer, consumer_id, 'consumer')
        if 'description' in values:
            consumer.description = values['description']
        consumer.extra = {k: v for k, v in {**consumer.extra, **values.get('extra', {})}.items() if v is not None}
    return consumer


@retried
def delete_consumer(service: IdentityService, consumer_id: str) -> None:
    """Remove a consumer with all that users allowed it; its tokens become void. Raises NotFound."""
    with service.write() as session:
        one_or_404(session, Consumer, consumer_id, 'consumer')
        allowed = rows.access_tokens(session, consumer_id=consumer_id)
        rows.delete_consumer(session, consumer_id)
        service.revoke(session, *({'access_token_id': token.id} for token in allowed))


# The three steps


@retried
def request_token(service: IdentityService, signed: SignedRequest, project_id: str) -> Issued:
    """A consumer asks to act in a project.

    :raises Unauthorized: the request is not signed by a consumer, is too old or was sent before
    :raises InvalidInput: the consumer wants to be called back
    :raises NotFound: the project
    """
    with service.read() as session:
        consumer = _consumer_of(service, session, signed)
        if signed.callback != OUT_OF_BAND:
            raise InvalidInput(f'oauth_callback must be {OUT_OF_BAND}.', field='oauth_callback')
        projects.find(session, project_id)
    secret = secrets.token_hex(_SECRET_BYTES)
    expires_at = clock.now() + datetime.timedelta(seconds=service.oauth_options.request_token_duration)
    made = RequestToken(
        id=new_hex_id(), consumer_id=consumer.id, project_id=project_id, sealed=service.seal.seal(secret), expires_at=expires_at
    )
    with service.db.write() as session:
        _honour(service, session, signed)
        _add(session, made)
    return Issued(made.id, secret, expires_at)


@retried
def authorize(service: IdentityService, ctx: Context, request_token_id: str, wanted: Sequence[Mapping[str, Any]]) -> str:
    """The caller allows what a consumer asked for, with some of the own roles; gives the verifier to tell the consumer.

    :param wanted: roles, by id or name
    :raises NotFound: there is no such request, or it has expired
    :raises Forbidden: somebody else has allowed it
    :raises Unauthorized: the caller does not have a role
    :raises OverQuota: the caller allows as many programs as may be
    """
    with service.write() as session:
        token = session.get(RequestToken, request_token_id)
        if token is None or token.expires_at <= clock.now() or ctx.user_id is None:
            raise NotFound('request token', request_token_id)
        if token.user_id not in (None, ctx.user_id):
            raise Forbidden('This request was allowed by another user.')
        _check_room(service, session, ctx.user_id)
        verifier = secrets.token_hex(8)
        offered = delegation.may_pass_on(service, session, ctx, ctx.user_id, token.project_id)
        token.role_ids = delegation.choose(offered, wanted, _not_held)
        token.user_id, token.verifier_digest = ctx.user_id, _digest(verifier)
    return verifier


def _check_room(service: IdentityService, session: Session, user_id: str) -> None:
    count = functools.partial(rows.count_access_tokens, session, user_id)
    delegation.check_room(service.oauth_options.user_limit, count, 'OAuth access token')


def _not_held(name: str | None) -> Unauthorized:
    return Unauthorized('The authorizing user does not have the role that is asked for.', admin_detail=f'role {name}')


@retried
def access_token(service: IdentityService, signed: SignedRequest) -> Issued:
    """A consumer changes a request that was allowed into an access token; the request is used up.

    :raises Unauthorized: the request is not signed as it must be, was not allowed, has expired, or the verifier is wrong
    """
    with service.read() as session:
        asked = session.get(RequestToken, signed.token or '')
        consumer = _consumer_of(service, session, signed, service.seal.open(asked.sealed) if asked else '')
    secret, lifetime = secrets.token_hex(_SECRET_BYTES), service.oauth_options.access_token_duration
    with service.db.write() as session:
        asked = session.get(RequestToken, signed.token or '')
        if asked is None or asked.consumer_id != consumer.id or asked.expires_at <= clock.now() or asked.user_id is None:
            raise Unauthorized(admin_detail='the request token is unknown, expired, or not allowed by a user')
        if not hmac.compare_digest(asked.verifier_digest or '', _digest(signed.verifier or '')):
            raise Unauthorized(admin_detail='wrong verifier')
        _check_room(service, session, asked.user_id)
        _honour(service, session, signed)
        made = AccessToken(
            id=new_hex_id(),
            consumer_id=consumer.id,
            user_id=asked.user_id,
            project_id=asked.project_id,
            sealed=service.seal.seal(secret),
            role_ids=list(asked.role_ids),
            expires_at=clock.now() + datetime.timedelta(seconds=lifetime) if lifetime else None,
        )
        if not rows.take_request_token(session, asked.id):
            raise Unauthorized(admin_detail='the request token was used meanwhile')
        _add(session, made)
    return Issued(made.id, secret, made.expires_at)


@retried
def use(service: IdentityService, signed: SignedRequest) -> AccessToken:
    """The access token that a login was signed with. Raises Unauthorized."""
    with service.read() as session:
        token = session.get(AccessToken, signed.token or '')
        consumer = _consumer_of(service, session, signed, service.seal.open(token.sealed) if token else '')
    if token is None or token.consumer_id != consumer.id:
        raise Unauthorized(admin_detail='the access token is unknown')
    if token.expires_at is not None and token.expires_at <= clock.now():
        raise Unauthorized(f'The access token {token.id} has expired.')
    with service.db.write() as session:
        _honour(service, session, signed)
    return token


def _consumer_of(service: IdentityService, session: Session, signed: SignedRequest, token_secret: str = '') -> Consumer:
    """Who signed a request. Raises Unauthorized for a wrong signature, or one that is too old."""
    consumer = session.get(Consumer, signed.consumer_key)
    secret = service.seal.open(consumer.sealed) if consumer else secrets.token_hex(_SECRET_BYTES)
    if not signed.is_signed_with(secret, token_secret) or consumer is None:
        raise Unauthorized(admin_detail='unknown consumer, or a wrong signature')
    if abs(clock.timestamp() - signed.timestamp) > service.oauth_options.timestamp_window:
        raise Unauthorized('The time stamp of the request is too far off. Check the clock.')
    return consumer


def _honour(service: IdentityService, session: Session, signed: SignedRequest) -> None:
    """Note that a request is carried out, once. Raises Unauthorized the second time."""
    end = signed.timestamp + service.oauth_options.timestamp_window + 1
    if not rows.see_request(session, signed.digest, datetime.datetime.fromtimestamp(end, datetime.UTC).replace(tzinfo=None)):
        raise Unauthorized(admin_detail='the signed request was sent before')


def _add(session: Session, token: RequestToken | AccessToken) -> None:
    with duplicate_as(session, Unauthorized(admin_detail='the consumer was deleted meanwhile')):
        session.add(token)


def _digest(verifier: str) -> str:
    return hashlib.sha256(verifier.encode()).hexdigest()


# What a user has allowed


def list_access_tokens(service: IdentityService, user_id: str) -> list[AccessToken]:
    """The access tokens that a user has allowed."""
    with service.read() as session:
        return rows.access_tokens(session, user_id=user_id)


def get_access_token(service: IdentityService, access_token_id: str, user_id: str | None = None) -> AccessToken:
    """One access token; of that user, if one is named. Raises NotFound."""
    with service.read() as session:
        return _find(session, access_token_id, user_id)


def _find(session: Session, access_token_id: str, user_id: str | None) -> AccessToken:
    token = session.get(AccessToken, access_token_id)
    if token is None or user_id not in (None, token.user_id):
        raise NotFound('access token', access_token_id)
    return token


def roles_of(service: IdentityService, token: AccessToken) -> list[Role]:
    """The roles that an access token passes on, by name; those that were deleted are not in it."""
    with service.read() as session:
        return [role for role in role_rows.list_roles(session, {}) if role.id in token.role_ids]


@retried
def delete_access_token(service: IdentityService, user_id: str, access_token_id: str) -> None:
    """Take a permission back; the tokens that it gave become void. Raises NotFound."""
    with service.write() as session:
        _find(session, access_token_id, user_id)
        rows.delete_access_token(session, access_token_id)
        service.revoke(session, {'access_token_id': access_token_id})


def shown_in_token(service: IdentityService, access_token_id: str) -> dict[str, str]:
    """What tokens show of the access token that they come from, under `OS-OAUTH1`. Raises NotFound."""
    token = service.memory.get(('access token', access_token_id), lambda: get_access_token(service, access_token_id))
    return {'access_token_id': token.id, 'consumer_id': token.consumer_id}
