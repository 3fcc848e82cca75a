"""Policies, and what they are associated with (OS-ENDPOINT-POLICY)."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, HEAD, PATCH, POST, PUT, Resource, Route
from common.api.types import Str
from identity import policies
from identity.api import access
from identity.api.endpoints import endpoint_view
from identity.api.views import paged, self_link, with_extra
from identity.db.filter_models import PolicyDocument

SEE = access.reader_rule('identity:policies:show', 'See policies')
CHANGE = access.admin_rule('identity:policies:update', 'Make, change and delete policies')
ASSOCIATE = access.admin_rule('identity:policies:associate', 'Choose the policy of an endpoint or service')
_KNOWN = ('type', 'blob')


def policy_view(call: Call, policy: PolicyDocument) -> dict[str, Any]:
    """A policy as the API shows it."""
    links = self_link(call, f'policies/{policy.id}')
    return {**policy.extra, 'id': policy.id, 'type': policy.type, 'blob': policy.blob, 'links': links}


def list_policies(call: Call) -> Reply:
    """Policies that fit the filters."""
    return paged(call, policies.list_all(call.service, call.filters), lambda policy: policy_view(call, policy))


def create_policy(call: Call) -> dict[str, Any]:
    """Store a policy."""
    return policy_view(call, policies.create(call.service, with_extra(call.body, _KNOWN)))


def show_policy(call: Call) -> dict[str, Any]:
    """One policy."""
    return policy_view(call, policies.get(call.service, call.params['policy_id']))


def update_policy(call: Call) -> dict[str, Any]:
    """Change a policy."""
    return policy_view(call, policies.update(call.service, call.params['policy_id'], with_extra(call.body, _KNOWN)))


def delete_policy(call: Call) -> None:
    """Remove a policy."""
    policies.delete(call.service, call.params['policy_id'])


def _of(call: Call) -> dict[str, str | None]:
    return {name: value for name, value in call.params.items() if name != 'policy_id'}


def associate(call: Call) -> None:
    """Make it the policy of this endpoint or service."""
    policies.associate(call.service, call.params['policy_id'], _of(call))


def check_associated(call: Call) -> None:
    """Whether it is the policy of this endpoint or service."""
    policies.check_associated(call.service, call.params['policy_id'], _of(call))


def dissociate(call: Call) -> None:
    """Take the association back."""
    policies.dissociate(call.service, call.params['policy_id'], _of(call))


def list_endpoints(call: Call) -> list[dict[str, Any]]:
    """The endpoints whose policy this is."""
    return [endpoint_view(call, endpoint) for endpoint in policies.endpoints_with(call.service, call.params['policy_id'])]


def show_policy_of_endpoint(call: Call) -> dict[str, Any]:
    """The policy of an endpoint."""
    return policy_view(call, policies.policy_of(call.service, call.params['endpoint_id']))


def check_policy_of_endpoint(call: Call) -> None:
    """Whether an endpoint has a policy."""
    policies.policy_of(call.service, call.params['endpoint_id'])


_ONE = '/v3/policies/{policy_id}'
_FOR = f'{_ONE}/OS-ENDPOINT-POLICY'
_OF_ENDPOINT = '/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy'


def _associations(path: str) -> list[Route]:
    return [
        PUT(path, associate, policy=ASSOCIATE, ok=204, body=None),
        GET(path, check_associated, policy=SEE, ok=204, listing=False),
        HEAD(path, check_associated, policy=SEE, ok=204, body=None),
        DELETE(path, dissociate, policy=ASSOCIATE),
    ]


POLICIES = Resource(
    'policies',
    'policy',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('type', Str(255, 1), REQUIRED),
        Field('blob', Str(None, 1), REQUIRED),
    ],
    filters=[Filter('type', Str)],
    routes=[
        GET('/v3/policies', list_policies, policy=SEE),
        POST('/v3/policies', create_policy, policy=CHANGE, ok=201),
        GET(_ONE, show_policy, policy=SEE),
        PATCH(_ONE, update_policy, policy=CHANGE),
        DELETE(_ONE, delete_policy, policy=CHANGE),
        GET(f'{_FOR}/endpoints', list_endpoints, policy=SEE, collection='endpoints'),
        *_associations(f'{_FOR}/endpoints/{{endpoint_id}}'),
        *_associations(f'{_FOR}/services/{{service_id}}'),
        *_associations(f'{_FOR}/services/{{service_id}}/regions/{{region_id}}'),
        GET(_OF_ENDPOINT, show_policy_of_endpoint, policy=SEE, listing=False),
        HEAD(_OF_ENDPOINT, check_policy_of_endpoint, policy=SEE, body=None),
    ],
)
