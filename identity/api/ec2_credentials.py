"""EC2 access keys of a user (OS-EC2)."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, Resource
from common.policy import Rule
from identity import ec2
from identity.api import access
from identity.api.views import self_link
from identity.ec2 import AccessKey

SEE = Rule('identity:ec2_credentials:show', f'{access.ADMIN_OR_SYSTEM_READER} or {access.SELF}', 'See the access keys of a user')
CHANGE = Rule('identity:ec2_credentials:update', f'{access.CLOUD_ADMIN} or {access.SELF}', 'Make and delete access keys of a user')
CREATE = {
    'type': 'object',
    'required': ['tenant_id'],
    'properties': {'tenant_id': {'type': 'string', 'minLength': 1, 'maxLength': 64}},
}


def plain_view(key: AccessKey) -> dict[str, Any]:
    """An access key as version 2.0 shows it."""
    return {
        'access': key.access,
        'secret': key.secret,
        'user_id': key.user_id,
        'tenant_id': key.project_id,
        'trust_id': key.trust_id,
    }


def key_view(call: Call, key: AccessKey) -> dict[str, Any]:
    """An access key as the API shows it: as version 2.0 does, and where it is."""
    return {**plain_view(key), 'links': self_link(call, f'users/{key.user_id}/credentials/OS-EC2/{key.access}')}


def user_of(call: Call, rule: Rule) -> str:
    """The user of the path, if the caller may do this to the access keys of that user. Raises Forbidden."""
    user_id = access.user_in_path(call, rule)
    access.refuse_delegated(call)
    return user_id


def list_keys(call: Call) -> list[dict[str, Any]]:
    """The access keys of a user."""
    return [key_view(call, key) for key in ec2.list_all(call.service, user_of(call, SEE))]


def create_key(call: Call) -> Reply:
    """Make an access key for a project. The request is not wrapped, the answer is."""
    made = ec2.create(call.service, call.ctx, user_of(call, CHANGE), call.body['tenant_id'])
    return Reply({'credential': key_view(call, made)}, wrap=False)


def show_key(call: Call) -> dict[str, Any]:
    """One access key."""
    return key_view(call, ec2.get(call.service, user_of(call, SEE), call.params['access']))


def delete_key(call: Call) -> None:
    """Forget an access key."""
    ec2.delete(call.service, user_of(call, CHANGE), call.params['access'])


_ALL = '/v3/users/{user_id}/credentials/OS-EC2'

EC2_CREDENTIALS = Resource(
    'credentials',
    'credential',
    rules=[SEE, CHANGE],
    routes=[
        GET(_ALL, list_keys, policy=SEE),
        POST(_ALL, create_key, policy=CHANGE, ok=201, body=CREATE, wrap=False),
        GET(f'{_ALL}/{{access}}', show_key, policy=SEE),
        DELETE(f'{_ALL}/{{access}}', delete_key, policy=CHANGE),
    ],
)
