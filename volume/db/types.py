"""Queries about volume types and who may use those that are not public."""

from __future__ import annotations

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from volume.db.models import VolumeType, VolumeTypeAccess


def list_types(session: Session, project_id: str | None, is_public: bool | None) -> list[VolumeType]:
    """Types by name: those that a project may use, or (None) all; only public or private ones, or (None) both."""
    query = select(VolumeType).order_by(VolumeType.name)
    if project_id is not None:
        allowed = select(VolumeTypeAccess.type_id).where(VolumeTypeAccess.project_id == project_id)
        query = query.where(or_(VolumeType.is_public.is_(True), VolumeType.id.in_(allowed)))
    if is_public is not None:
        query = query.where(VolumeType.is_public.is_(is_public))
    return list(session.scalars(query).all())


def named(session: Session, name: str) -> VolumeType | None:
    """The type of this id or name, to be changed."""
    return session.scalars(select(VolumeType).where(or_(VolumeType.id == name, VolumeType.name == name)).limit(1)).first()


def has_access(session: Session, type_id: str, project_id: str) -> bool:
    """Whether a project was let use a type."""
    return session.get(VolumeTypeAccess, (type_id, project_id)) is not None


def access_of(session: Session, type_id: str) -> list[str]:
    """Projects that were let use a type."""
    query = select(VolumeTypeAccess.project_id).where(VolumeTypeAccess.type_id == type_id).order_by(VolumeTypeAccess.project_id)
    return list(session.scalars(query))


def forget_access(session: Session, type_id: str) -> None:
    """Nobody is let use the type any more."""
    session.execute(delete(VolumeTypeAccess).where(VolumeTypeAccess.type_id == type_id))
