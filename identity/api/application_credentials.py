"""Application credentials of a user."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, SOMETIMES, Field, Filter
from common.api.resource import DELETE, GET, POST, Resource
from common.api.types import Bool, DateTime, Enum, List, Obj, OneOf, Secret, Str
from common.policy import Rule
from identity import application_credentials
from identity.api import access
from identity.api.views import paged, self_link
from identity.application_credentials import ApplicationCredentialRecord

SEE = Rule('identity:application_credentials:show', f'{access.ADMIN_OR_SYSTEM_READER} or {access.SELF}', 'See application credentials')
CREATE = Rule('identity:application_credentials:create', access.SELF, 'Make an application credential for oneself')
DELETE_ = Rule('identity:application_credentials:delete', f'{access.CLOUD_ADMIN} or {access.SELF}', 'Delete an application credential')
METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')
_ROLE = OneOf(Obj({'id': Str(64, 1)}, required=['id'], extra='allow'), Obj({'name': Str(255, 1)}, required=['name'], extra='allow'))
_RULE_FIELDS = {'id': Str(64), 'service': Str(255, 1), 'method': Enum(*METHODS), 'path': Str(128, 1, pattern=r'^/')}
_RULE = OneOf(Obj(_RULE_FIELDS, required=['service', 'method', 'path']), Obj({'id': Str(64, 1)}, required=['id']))


def rule_view(rule: Any) -> dict[str, Any]:
    """An access rule as a credential shows it."""
    return {'id': rule.id, 'service': rule.service, 'method': rule.method, 'path': rule.path}


def credential_view(call: Call, record: ApplicationCredentialRecord) -> dict[str, Any]:
    """An application credential as the API shows it; never its secret."""
    shown = {
        'id': record.id,
        'user_id': record.user_id,
        'project_id': record.project_id,
        'name': record.name,
        'description': record.description,
        'unrestricted': record.unrestricted,
        'expires_at': clock.iso(record.expires_at, micro=True, zulu=False),
        'roles': [{'id': role.id, 'name': role.name, 'domain_id': None} for role in record.roles],
        'links': self_link(call, f'users/{record.user_id}/application_credentials/{record.id}'),
    }
    # Clients take a list without rules for a credential that may do nothing.
    return {**shown, 'access_rules': [rule_view(rule) for rule in record.access_rules]} if record.access_rules else shown


def list_credentials(call: Call) -> Reply:
    """The application credentials of a user."""
    found = application_credentials.list_all(call.service, access.user_in_path(call, SEE), call.filters.get('name'))
    return paged(call, found, lambda record: credential_view(call, record))


def create_credential(call: Call) -> dict[str, Any]:
    """Make one; only this answer has the secret."""
    access.user_in_path(call, CREATE)
    record, secret = application_credentials.create(call.service, call.ctx, call.body)
    return {**credential_view(call, record), 'secret': secret}


def show_credential(call: Call) -> dict[str, Any]:
    """One application credential."""
    user_id = access.user_in_path(call, SEE)
    return credential_view(call, application_credentials.get(call.service, call.params['application_credential_id'], user_id))


def delete_credential(call: Call) -> None:
    """Forget one; its tokens become void."""
    application_credentials.delete(call.service, call.ctx, access.user_in_path(call, DELETE_), call.params['application_credential_id'])


_ALL = '/v3/users/{user_id}/application_credentials'
_ONE = f'{_ALL}/{{application_credential_id}}'

APPLICATION_CREDENTIALS = Resource(
    'application_credentials',
    'application_credential',
    rules=[SEE, CREATE, DELETE_],
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('user_id', Str(64), READ_ONLY),
        Field('project_id', Str(64), READ_ONLY),
        Field('name', Str(255, 1, pattern=r'\S'), REQUIRED),
        Field('description', Str(None) | None),
        Field('secret', Secret(4096, 1) | None, SOMETIMES),
        Field('expires_at', DateTime | None),
        Field('roles', List(_ROLE, max=100) | None),
        Field('unrestricted', Bool | None),
        Field('access_rules', List(_RULE, max=100) | None, SOMETIMES),
    ],
    filters=[Filter('name', Str)],
    routes=[
        GET(_ALL, list_credentials, policy=SEE),
        POST(_ALL, create_credential, ok=201),
        GET(_ONE, show_credential, policy=SEE),
        DELETE(_ONE, delete_credential, policy=DELETE_),
    ],
)
