"""Credentials: secrets that users keep in identity."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Secret, Str
from common.errors import NotFound
from common.policy import Rule
from identity import credentials
from identity.api import access
from identity.api.views import paged, self_link, with_extra
from identity.credentials import CredentialRecord

LIST = Rule('identity:credentials:list', '@', 'List credentials: all of them, or the own ones')
SHOW = Rule('identity:credentials:show', f'{access.ADMIN_OR_SYSTEM_READER} or {access.SELF}', 'See a credential')
CHANGE = Rule('identity:credentials:update', f'{access.CLOUD_ADMIN} or {access.SELF}', 'Make, change and delete a credential')
_KNOWN = ('user_id', 'project_id', 'type', 'blob')


def credential_view(call: Call, record: CredentialRecord) -> dict[str, Any]:
    """A credential as the API shows it."""
    return {
        **record.extra,
        'id': record.id,
        'user_id': record.user_id,
        'project_id': record.project_id,
        'type': record.type,
        'blob': record.blob,
        'links': self_link(call, f'credentials/{record.id}'),
    }


def _load(call: Call, rule: Rule) -> CredentialRecord:
    try:
        record = credentials.get(call.service, call.params['credential_id'])
    except NotFound as error:
        raise access.unseen(call, rule.name, error) from None
    access.authorize(call, rule.name, user_id=record.user_id)
    access.refuse_delegated(call)
    return record


def list_credentials(call: Call) -> Reply:
    """Credentials that fit the filters; those of others only for who may see them."""

    def may_see(user_id: str) -> bool:
        return call.allowed(SHOW.name, access.target(call, user_id=user_id))

    access.refuse_delegated(call)
    found = credentials.list_all(call.service, call.filters, may_see=may_see)
    return paged(call, found, lambda record: credential_view(call, record))


def create_credential(call: Call) -> dict[str, Any]:
    """Keep a secret, the caller's own unless told otherwise."""
    values = {'user_id': call.ctx.user_id, **with_extra(call.body, _KNOWN)}
    access.authorize(call, CHANGE.name, user_id=values['user_id'])
    access.refuse_delegated(call)
    return credential_view(call, credentials.create(call.service, call.ctx, values))


def show_credential(call: Call) -> dict[str, Any]:
    """One credential."""
    return credential_view(call, _load(call, SHOW))


def update_credential(call: Call) -> dict[str, Any]:
    """Change the secret."""
    record = _load(call, CHANGE)
    return credential_view(call, credentials.update(call.service, record.id, with_extra(call.body, _KNOWN)))


def delete_credential(call: Call) -> None:
    """Forget a secret."""
    credentials.delete(call.service, _load(call, CHANGE).id)


_ONE = '/v3/credentials/{credential_id}'

CREDENTIALS = Resource(
    'credentials',
    'credential',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('user_id', Str(64)),
        Field('project_id', Str(64) | None),
        Field('type', Str(255, 1), REQUIRED),
        Field('blob', Secret(None), REQUIRED),
    ],
    filters=[Filter('user_id', Str), Filter('project_id', Str), Filter('type', Str)],
    rules=[LIST, SHOW, CHANGE],
    routes=[
        GET('/v3/credentials', list_credentials, policy=LIST),
        POST('/v3/credentials', create_credential, policy=CHANGE, ok=201),
        GET(_ONE, show_credential, policy=SHOW),
        PATCH(_ONE, update_credential, policy=CHANGE),
        DELETE(_ONE, delete_credential, policy=CHANGE),
    ],
)
