"""Secrets that users keep in identity: EC2 access keys, seeds of one-time passwords, certificates."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from common.db import duplicate_as, one_or_404
from common.db.session import Session
from common.errors import Conflict, InvalidInput
from common.ids import new_hex_id
from identity import projects, users
from identity.db import credentials as rows
from identity.db.delegation_models import Credential
from identity.db.retry import retried
from identity.service import IdentityService

EC2 = 'ec2'


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


def list_all(service: IdentityService, wanted: Mapping[str, Any]) -> list[CredentialRecord]:
    """Credentials that fit the filters `user_id`, `project_id`, `type`."""
    with service.read() as session:
        return [_opened(service, row) for row in rows.list_credentials(session, wanted)]


def get(service: IdentityService, credential_id: str) -> CredentialRecord:
    """One credential. Raises NotFound."""
    with service.read() as session:
        return _opened(service, one_or_404(session, Credential, credential_id, 'credential'))


def id_of_access_key(access: str) -> str:
    """The id of the credential that holds this EC2 access key: an access key names one credential, so its digest is the id."""
    return hashlib.sha256(access.encode()).hexdigest()


@retried
def create(service: IdentityService, values: Mapping[str, Any]) -> CredentialRecord:
    """Keep a secret. Raises NotFound for user and project, InvalidInput for the blob, Conflict when the access key is known."""
    identifier = _id_for(values)
    row = Credential(
        id=identifier,
        user_id=values['user_id'],
        project_id=values.get('project_id'),
        type=values['type'],
        sealed=service.seal.seal(values['blob']),
        extra=dict(values.get('extra') or {}),
    )
    with service.write() as session:
        _check_owner(service, session, row)
        with duplicate_as(session, Conflict(f'There is a credential {identifier} already.')):
            session.add(row)
            session.flush()
    return _opened(service, row)


def _check_owner(service: IdentityService, session: Session, row: Credential) -> None:
    users.find(service, session, row.user_id)
    if row.project_id:
        projects.find(session, row.project_id)


def _id_for(values: Mapping[str, Any]) -> str:
    if values['type'] != EC2:
        return new_hex_id()
    if not values.get('project_id'):
        raise InvalidInput('A credential of type ec2 needs a project_id.', field='project_id')
    return id_of_access_key(_access_key(values['blob']))


def _access_key(blob: str) -> str:
    try:
        content = json.loads(blob)
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(content.get(name), str) and content[name] for name in ('access', 'secret')):
        raise InvalidInput('The blob of a credential of type ec2 is JSON with the texts "access" and "secret".', field='blob')
    return str(content['access'])


@retried
def update(service: IdentityService, credential_id: str, values: Mapping[str, Any]) -> CredentialRecord:
    """Change the secret; whose it is and what for stays. Raises NotFound, InvalidInput."""
    with service.write() as session:
        row = one_or_404(session, Credential, credential_id, 'credential')
        for name in ('user_id', 'project_id', 'type'):
            if name in values and values[name] != getattr(row, name):
                raise InvalidInput(f'{name} of a credential cannot change. Delete it and make a new one.', field=name)
        if 'blob' in values:
            if row.type == EC2:
                _access_key(values['blob'])
            row.sealed = service.seal.seal(values['blob'])
        row.extra = {k: v for k, v in {**row.extra, **values.get('extra', {})}.items() if v is not None}
    return _opened(service, row)


@retried
def delete(service: IdentityService, credential_id: str) -> None:
    """Forget a secret. Raises NotFound."""
    with service.write() as session:
        session.delete(one_or_404(session, Credential, credential_id, 'credential'))
