"""Secrets that users keep in identity: EC2 access keys, seeds of one-time passwords, certificates."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from common.context import Context
from common.db import duplicate_as, one_or_404
from common.db.session import Session
from common.errors import Conflict, Forbidden, InvalidInput, NotFound
from common.ids import new_hex_id
from identity import projects, users
from identity.db import credentials as rows
from identity.db.delegation_models import Credential
from identity.db.retry import retried
from identity.delegation import check_room
from identity.one_time_passwords import TOTP, seed_of
from identity.service import IdentityService

EC2 = 'ec2'
MADE_WITH = 'app_cred_id'
LIMITS = ('trust_id', MADE_WITH, 'access_token_id')
"""What the blob of an EC2 credential may be bound to: that stays when it changes."""


@dataclasses.dataclass(frozen=True, slots=True)
class CredentialRecord:
    """A credential, opened. `blob` is the secret."""

    id: str
    user_id: str
    project_id: str | None
    type: str
    blob: str
    extra: dict[str, Any]


def _opened(service: IdentityService, row: Credential) -> CredentialRecord:
    return CredentialRecord(row.id, row.user_id, row.project_id, row.type, service.seal.open(row.sealed), dict(row.extra))


def list_all(
    service: IdentityService, wanted: Mapping[str, Any], *, may_see: Callable[[str], bool] = lambda user_id: True
) -> list[CredentialRecord]:
    """Credentials that fit the filters `user_id`, `project_id`, `type`, of users that the caller may see; only these are opened."""
    with service.read() as session:
        return [_opened(service, row) for row in rows.list_credentials(session, wanted) if may_see(row.user_id)]


def get(service: IdentityService, credential_id: str) -> CredentialRecord:
    """One credential. Raises NotFound."""
    with service.read() as session:
        return _opened(service, one_or_404(session, Credential, credential_id, 'credential'))


def of_access_key(service: IdentityService, access: str) -> CredentialRecord:
    """The credential that holds this EC2 access key. Raises NotFound."""
    with service.read() as session:
        row = rows.by_access_digest(session, _digest(access))
        if row is None:
            raise NotFound('credential', access)
        return _opened(service, row)


def _digest(access: str) -> str:
    return hashlib.sha256(access.encode()).hexdigest()


@retried
def create(service: IdentityService, ctx: Context, values: Mapping[str, Any]) -> CredentialRecord:
    """Keep a secret. Raises NotFound for user and project, InvalidInput for the blob, Conflict when the access key is known,
    OverQuota where the user has as many as are allowed.

    An access key that is made with an application credential is good for no more than that; Forbidden for another project.
    """
    values = _bound(ctx, values)
    digest = _access_digest_of(values)
    row = Credential(
        id=digest or new_hex_id(),  # as clients know it; the id stays when the access key changes later
        access_digest=digest,
        user_id=values['user_id'],
        project_id=values.get('project_id'),
        type=values['type'],
        sealed=service.seal.seal(values['blob']),
        extra=dict(values.get('extra') or {}),
    )
    with service.write() as session:
        _check_owner(service, session, row)
        check_room(service.credential_options.user_limit, lambda: rows.count_of(session, row.user_id), 'credential')
        with duplicate_as(session, Conflict('There is a credential with this access key already.')):
            session.add(row)
            session.flush()
    return _opened(service, row)


def _bound(ctx: Context, values: Mapping[str, Any]) -> Mapping[str, Any]:
    if values['type'] != EC2 or not ctx.application_credential_id or values['user_id'] != ctx.user_id:
        return values
    _access_key(values['blob'])
    if values.get('project_id') != ctx.project_id:
        raise Forbidden('With an application credential access keys are made for its own project.')
    return {**values, 'blob': json.dumps({**json.loads(values['blob']), MADE_WITH: ctx.application_credential_id})}


def _check_owner(service: IdentityService, session: Session, row: Credential) -> None:
    users.find(service, session, row.user_id)
    if row.project_id:
        projects.find(session, row.project_id)


def _access_digest_of(values: Mapping[str, Any]) -> str | None:
    _check_seed(values['type'], values['blob'])
    if values['type'] != EC2:
        return None
    if not values.get('project_id'):
        raise InvalidInput('A credential of type ec2 needs a project_id.', field='project_id')
    return _digest(_access_key(values['blob']))


def _check_seed(kind: str, blob: str) -> None:
    if kind == TOTP and seed_of(blob) is None:
        raise InvalidInput('The blob of a credential of type totp is a seed in base32.', field='blob')


def _check_limits_stay(before: str, after: str) -> None:
    _access_key(after)
    old, new = json.loads(before), json.loads(after)
    if any(old.get(name) != new.get(name) for name in LIMITS):
        raise InvalidInput(f'{", ".join(LIMITS)} of a credential cannot change. Delete it and make a new one.', field='blob')


def _access_key(blob: str) -> str:
    try:
        content = json.loads(blob)
        texts = [content[name] for name in ('access', 'secret')] if isinstance(content, dict) else ['']
        # Half of a surrogate pair can be written in JSON, but not signed with.
        well = all(isinstance(text, str) and text.encode() for text in texts)
    except (ValueError, KeyError, RecursionError):
        well = False
    if not well:
        raise InvalidInput('The blob of a credential of type ec2 is JSON with the texts "access" and "secret".', field='blob')
    return str(content['access'])


@retried
def update(service: IdentityService, credential_id: str, values: Mapping[str, Any]) -> CredentialRecord:
    """Change the secret; whose it is and what for stays. Tokens had with the one before become void. Raises NotFound, InvalidInput."""
    with service.write() as session:
        row = one_or_404(session, Credential, credential_id, 'credential')
        for name in ('user_id', 'project_id', 'type'):
            if name in values and values[name] != getattr(row, name):
                raise InvalidInput(f'{name} of a credential cannot change. Delete it and make a new one.', field=name)
        if 'blob' in values:
            _check_seed(row.type, values['blob'])
            if row.type == EC2:
                _check_limits_stay(service.seal.open(row.sealed), values['blob'])
            row.sealed = service.seal.seal(values['blob'])
            if row.type == EC2:
                with duplicate_as(session, Conflict('There is a credential with this access key already.')):
                    row.access_digest = _digest(_access_key(values['blob']))
            service.revoke(session, {'credential_mark': rows.mark_of(row.id)})
        row.extra = {k: v for k, v in {**row.extra, **values.get('extra', {})}.items() if v is not None}
    return _opened(service, row)


@retried
def delete(service: IdentityService, credential_id: str) -> None:
    """Forget a secret; tokens had with it become void. Raises NotFound."""
    with service.write() as session:
        session.delete(one_or_404(session, Credential, credential_id, 'credential'))
        service.revoke(session, {'credential_mark': rows.mark_of(credential_id)})
