"""Queries about policies and what they are the policy of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from identity.db.filter_models import PolicyAssociation, PolicyDocument
from identity.db.filters import narrowed
from identity.db.models import Endpoint

FILTERS = {'type': PolicyDocument.type}


def list_policies(session: Session, wanted: Mapping[str, Any]) -> list[PolicyDocument]:
    """Policies that fit the filters."""
    return list(session.scalars(narrowed(select(PolicyDocument), FILTERS, wanted).order_by(PolicyDocument.id)))


def _key(of: Mapping[str, str | None]) -> str:
    return hashlib.sha256('\0'.join(of.get(name) or '' for name in ('endpoint_id', 'service_id', 'region_id')).encode()).hexdigest()


def associate(session: Session, policy_id: str, of: Mapping[str, str | None]) -> None:
    """Make this the policy of an endpoint, a service, or a service in a region; another one is replaced."""
    session.merge(PolicyAssociation(id=_key(of), policy_id=policy_id, **of))


def is_associated(session: Session, policy_id: str, of: Mapping[str, str | None]) -> bool:
    """Whether this is the policy of it."""
    found = session.get(PolicyAssociation, _key(of))
    return found is not None and found.policy_id == policy_id


def dissociate(session: Session, policy_id: str, of: Mapping[str, str | None]) -> bool:
    """Take it back; False when it is not so."""
    row = PolicyAssociation
    return bool(session.execute(delete(row).where(row.id == _key(of), row.policy_id == policy_id)).rowcount)


def policy_for(session: Session, of: Mapping[str, str | None]) -> PolicyDocument | None:
    """The policy of exactly this, or None."""
    query = select(PolicyDocument).join(PolicyAssociation, PolicyAssociation.policy_id == PolicyDocument.id)
    return session.scalar(query.where(PolicyAssociation.id == _key(of)))


def candidates(session: Session, policy_id: str) -> list[Endpoint]:
    """The endpoints that an association of the policy names, by themselves or by their service, whatever the region."""
    row = PolicyAssociation
    own = select(row.endpoint_id).where(row.policy_id == policy_id, row.endpoint_id.is_not(None))
    services = select(row.service_id).where(row.policy_id == policy_id, row.service_id.is_not(None))
    query = select(Endpoint).where(or_(Endpoint.id.in_(own), Endpoint.service_id.in_(services)))
    return list(session.scalars(query.order_by(Endpoint.service_id, Endpoint.interface, Endpoint.id)))
