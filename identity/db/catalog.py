"""Queries about regions, services and endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from identity.db.filters import narrowed
from identity.db.models import Endpoint, Region, Service
from identity.db.retry import insert_once

REGION_FILTERS = {'id': Region.id, 'parent_region_id': Region.parent_region_id}
SERVICE_FILTERS = {'id': Service.id, 'type': Service.type, 'name': Service.name, 'enabled': Service.enabled}
ENDPOINT_FILTERS = {
    'id': Endpoint.id,
    'service_id': Endpoint.service_id,
    'interface': Endpoint.interface,
    'region_id': Endpoint.region_id,
    'enabled': Endpoint.enabled,
}


def list_regions(session: Session, wanted: Mapping[str, Any]) -> list[Region]:
    """Regions that fit the filters."""
    return list(session.scalars(narrowed(select(Region), REGION_FILTERS, wanted).order_by(Region.id)))


def list_services(session: Session, wanted: Mapping[str, Any]) -> list[Service]:
    """Services that fit the filters, by type."""
    return list(session.scalars(narrowed(select(Service), SERVICE_FILTERS, wanted).order_by(Service.type, Service.name, Service.id)))


def list_endpoints(session: Session, wanted: Mapping[str, Any]) -> list[Endpoint]:
    """Endpoints that fit the filters."""
    query = narrowed(select(Endpoint), ENDPOINT_FILTERS, wanted)
    return list(session.scalars(query.order_by(Endpoint.service_id, Endpoint.interface, Endpoint.id)))


def delete_service(session: Session, service_id: str) -> None:
    """Remove a service and its endpoints."""
    session.execute(delete(Endpoint).where(Endpoint.service_id == service_id))
    session.execute(delete(Service).where(Service.id == service_id))


def region_in_use(session: Session, region_id: str) -> bool:
    """Whether the region has child regions or endpoints."""
    children = session.scalar(select(Region.id).where(Region.parent_region_id == region_id).limit(1))
    endpoints = session.scalar(select(Endpoint.id).where(Endpoint.region_id == region_id).limit(1))
    return children is not None or endpoints is not None


def enabled_endpoints(session: Session) -> list[Any]:
    """(service id, type, name, endpoint id, interface, region, URL) of all that a catalog shows; one row per service at least."""
    query = (
        select(Service.id, Service.type, Service.name, Endpoint.id, Endpoint.interface, Endpoint.region_id, Endpoint.url)
        .outerjoin(Endpoint, (Endpoint.service_id == Service.id) & Endpoint.enabled.is_(True))
        .where(Service.enabled.is_(True))
        .order_by(Service.type, Service.id, Endpoint.interface, Endpoint.id)
    )
    return list(session.execute(query))


def ensure_region(session: Session, region_id: str) -> None:
    """Make the region when there is none of this id."""
    if session.get(Region, region_id) is None:
        insert_once(session, insert(Region).values(id=region_id, description='', extra={}))
