"""Policies that services may fetch, and which endpoint has which (OS-ENDPOINT-POLICY). Identity does not read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.db import one_or_404
from common.db.session import Session
from common.errors import NotFound
from common.ids import new_hex_id
from identity.db import policies as rows
from identity.db.filter_models import PolicyDocument
from identity.db.models import Endpoint, Region, Service
from identity.db.retry import retried
from identity.service import IdentityService

_KINDS = {'endpoint_id': (Endpoint, 'endpoint'), 'service_id': (Service, 'service'), 'region_id': (Region, 'region')}
Of = Mapping[str, str | None]
"""What a policy may be the policy of: `endpoint_id`, or `service_id` with or without `region_id`."""


def list_all(service: IdentityService, wanted: Mapping[str, Any]) -> list[PolicyDocument]:
    """Policies that fit the filters."""
    with service.read() as session:
        return rows.list_policies(session, wanted)


def get(service: IdentityService, policy_id: str) -> PolicyDocument:
    """One policy. Raises NotFound."""
    with service.read() as session:
        return one_or_404(session, PolicyDocument, policy_id, 'policy')


@retried
def create(service: IdentityService, values: Mapping[str, Any]) -> PolicyDocument:
    """Store a policy."""
    policy = PolicyDocument(id=new_hex_id(), type=values['type'], blob=values['blob'], extra=dict(values.get('extra') or {}))
    with service.write() as session:
        session.add(policy)
    return policy


@retried
def update(service: IdentityService, policy_id: str, values: Mapping[str, Any]) -> PolicyDocument:
    """Change a policy. Raises NotFound."""
    with service.write() as session:
        policy = one_or_404(session, PolicyDocument, policy_id, 'policy')
        for name in ('type', 'blob'):
            if name in values:
                setattr(policy, name, values[name])
        policy.extra = {k: v for k, v in {**policy.extra, **values.get('extra', {})}.items() if v is not None}
    return policy


@retried
def delete(service: IdentityService, policy_id: str) -> None:
    """Remove a policy and its associations. Raises NotFound."""
    with service.write() as session:
        session.delete(one_or_404(session, PolicyDocument, policy_id, 'policy'))


def _check(session: Session, policy_id: str, of: Of) -> None:
    one_or_404(session, PolicyDocument, policy_id, 'policy')
    for name, value in of.items():
        model, noun = _KINDS[name]
        one_or_404(session, model, value or '', noun)


@retried
def associate(service: IdentityService, policy_id: str, of: Of) -> None:
    """Make it the policy of something; another one is replaced. Raises NotFound."""
    with service.write() as session:
        _check(session, policy_id, of)
        rows.associate(session, policy_id, of)


def check_associated(service: IdentityService, policy_id: str, of: Of) -> None:
    """Raises NotFound unless it is the policy of this."""
    with service.read() as session:
        _check(session, policy_id, of)
        if not rows.is_associated(session, policy_id, of):
            raise NotFound(message=f'The policy {policy_id} is not associated with {", ".join(str(one) for one in of.values())}.')


@retried
def dissociate(service: IdentityService, policy_id: str, of: Of) -> None:
    """Take an association back; nothing happens where there is none. Raises NotFound."""
    with service.write() as session:
        _check(session, policy_id, of)
        rows.dissociate(session, policy_id, of)


def endpoints_with(service: IdentityService, policy_id: str) -> list[Endpoint]:
    """The endpoints whose policy this is: those for which no closer association names another one. Raises NotFound."""
    with service.read() as session:
        one_or_404(session, PolicyDocument, policy_id, 'policy')
        candidates = rows.candidates(session, policy_id)
        return [endpoint for endpoint in candidates if (found := _closest(session, endpoint)) is not None and found.id == policy_id]


def policy_of(service: IdentityService, endpoint_id: str) -> PolicyDocument:
    """The policy of an endpoint: its own, else that of its service in its region or one above, else of its service."""
    with service.read() as session:
        found = _closest(session, one_or_404(session, Endpoint, endpoint_id, 'endpoint'))
    if found is None:
        raise NotFound(message=f'No policy is associated with endpoint {endpoint_id}.')
    return found


def _closest(session: Session, endpoint: Endpoint) -> PolicyDocument | None:
    found = rows.policy_for(session, {'endpoint_id': endpoint.id})
    region_id = endpoint.region_id
    while found is None and region_id:
        found = rows.policy_for(session, {'service_id': endpoint.service_id, 'region_id': region_id})
        region = session.get(Region, region_id)
        region_id = region.parent_region_id if region else None
    return found or rows.policy_for(session, {'service_id': endpoint.service_id})
