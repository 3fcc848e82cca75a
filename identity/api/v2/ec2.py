"""EC2 access keys of version 2.0 (OS-EC2)."""

from __future__ import annotations

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, POST, Resource
from identity import ec2
from identity.api.ec2_credentials import CHANGE, CREATE, SEE, plain_view, user_of


def list_keys(call: Call) -> Reply:
    """The access keys of a user."""
    return Reply({'credentials': [plain_view(key) for key in ec2.list_all(call.service, user_of(call, SEE))]}, wrap=False)


def create_key(call: Call) -> Reply:
    """Make an access key for a tenant."""
    made = ec2.create(call.service, call.ctx, user_of(call, CHANGE), call.body['tenant_id'])
    return Reply({'credential': plain_view(made)}, wrap=False)


def show_key(call: Call) -> Reply:
    """One access key."""
    return Reply({'credential': plain_view(ec2.get(call.service, user_of(call, SEE), call.params['access']))}, wrap=False)


def delete_key(call: Call) -> None:
    """Forget an access key."""
    ec2.delete(call.service, user_of(call, CHANGE), call.params['access'])


_ALL = '/v2.0/users/{user_id}/credentials/OS-EC2'
EC2_V2 = Resource(
    'credentials',
    routes=[
        GET(_ALL, list_keys, policy=SEE, wrap=False, listing=False),
        POST(_ALL, create_key, policy=CHANGE, wrap=False, body=CREATE, ok=200),
        GET(f'{_ALL}/{{access}}', show_key, policy=SEE, wrap=False),
        DELETE(f'{_ALL}/{{access}}', delete_key, policy=CHANGE),
    ],
)
