"""EC2 access keys of users: credentials of type `ec2`, made here and shown in the form that EC2 tools know."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

from common.context import Context
from common.errors import NotFound
from identity import credentials
from identity.credentials import EC2, LIMITS, MADE_WITH, CredentialRecord
from identity.db.credentials import mark_of
from identity.service import IdentityService


@dataclasses.dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key, its secret, and the project that requests signed with it are for.

    It opens no more than the application credential it was made with, if there is one. `limits` names what else it is bound to:
    keys that came from Keystone may have been made by something that was delegated. `mark` stands for it in tokens.
    """

    access: str
    secret: str
    user_id: str
    project_id: str
    trust_id: str | None = None
    application_credential_id: str | None = None
    limits: tuple[str, ...] = ()
    mark: str = ''


def _key_of(record: CredentialRecord) -> AccessKey:
    content: dict[str, Any] = json.loads(record.blob)
    limits = tuple(name for name in LIMITS if content.get(name) and name != MADE_WITH)
    bound_to = str(content[MADE_WITH]) if content.get(MADE_WITH) else None
    return AccessKey(
        content['access'],
        content['secret'],
        record.user_id,
        record.project_id or '',
        content.get('trust_id'),
        bound_to,
        limits,
        mark_of(record.id),
    )


def create(service: IdentityService, ctx: Context, user_id: str, project_id: str) -> AccessKey:
    """Make a key pair for a user's requests to a project. Raises NotFound; Forbidden (see `credentials.create`)."""
    content = {'access': uuid.uuid4().hex, 'secret': uuid.uuid4().hex, 'trust_id': None}
    values = {'user_id': user_id, 'project_id': project_id, 'type': EC2, 'blob': json.dumps(content)}
    return _key_of(credentials.create(service, ctx, values))


def list_all(service: IdentityService, user_id: str) -> list[AccessKey]:
    """The key pairs of a user."""
    return [_key_of(record) for record in credentials.list_all(service, {'user_id': user_id, 'type': EC2})]


def by_access(service: IdentityService, access: str) -> AccessKey:
    """The key pair with this access key, whosever it is. Raises NotFound."""
    return _key_of(credentials.of_access_key(service, access))


def get(service: IdentityService, user_id: str, access: str) -> AccessKey:
    """One key pair of a user. Raises NotFound."""
    return _key_of(_find(service, user_id, access))


def _find(service: IdentityService, user_id: str, access: str) -> CredentialRecord:
    record = credentials.of_access_key(service, access)
    if record.user_id != user_id:
        raise NotFound('credential', access)
    return record


def delete(service: IdentityService, user_id: str, access: str) -> None:
    """Forget a key pair of a user. Raises NotFound."""
    credentials.delete(service, _find(service, user_id, access).id)
