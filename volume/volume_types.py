"""The rules of volume types: what an operator offers, to everybody or to some projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.db import duplicate_as
from common.errors import Conflict, InvalidInput, NotFound
from common.ids import new_id
from volume.db import types as queries
from volume.db import volumes as volume_queries
from volume.db.models import VolumeType, VolumeTypeAccess

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService


def may_use(ctx: Context, session: Session, kind: Any) -> bool:
    """Whether the caller may see a type and make volumes of it."""
    return bool(kind.is_public or ctx.is_admin or (ctx.project_id and queries.has_access(session, kind.id, ctx.project_id)))


def find(service: VolumeService, ctx: Context, name: str) -> Any:
    """The type of an id or a name, to be read; `default` is the one that volumes get which name none. Raises NotFound."""
    with service.db.read() as session:
        kind = volume_queries.find_type(session, service.options.default_type if name == 'default' else name)
        if kind is None or not may_use(ctx, session, kind):
            raise NotFound('volume type', name)
        return kind


def create(service: VolumeService, name: str, description: str | None, is_public: bool, specs: dict[str, str]) -> VolumeType:
    """Offer a new type. Raises InvalidInput, Conflict."""
    _check_name(name)
    with service.db.write() as session:
        if queries.named(session, name) is not None:
            raise Conflict(f'Volume Type {name} already exists.')
        kind = VolumeType(id=new_id(), name=name, description=description, created_at=now(), is_public=is_public, extra_specs=specs)
        session.add(kind)
    return kind


def update(service: VolumeService, type_id: str, changes: dict[str, Any]) -> VolumeType:
    """Change name, description, is_public. Raises NotFound, InvalidInput, Conflict."""
    with service.db.write() as session:
        kind = _held(session, type_id)
        is_default = kind.name == service.options.default_type
        name = changes.get('name')
        if name is not None and name != kind.name:
            _check_name(name)
            if is_default:
                raise InvalidInput('The default volume type keeps its name: settings name it.', field='name')
            if queries.named(session, name) is not None:
                raise Conflict(f'Volume Type {name} already exists.')
            kind.name = name
        if 'description' in changes:
            kind.description = changes['description']
        if changes.get('is_public') is not None:
            if is_default and not changes['is_public']:
                raise InvalidInput('The default volume type is for everybody.', field='is_public')
            kind.is_public = changes['is_public']
            if kind.is_public:
                queries.forget_access(session, kind.id)
    return kind


def delete(service: VolumeService, type_id: str) -> None:
    """Stop offering it. Raises NotFound, and InvalidInput for one that is in use."""
    with service.db.write() as session:
        kind = _held(session, type_id)
        if kind.name == service.options.default_type:
            raise InvalidInput('The default volume type cannot be deleted.', field='id')
        if volume_queries.count_of_type(session, kind.id):
            raise InvalidInput(f'Volume type {kind.name} is in use by volumes; delete these first.', field='id')
        queries.forget_access(session, kind.id)
        session.delete(kind)


def set_specs(service: VolumeService, type_id: str, specs: dict[str, str]) -> None:
    """Add extra specs, or change them. Raises NotFound."""
    with service.db.write() as session:
        kind = _held(session, type_id)
        kind.extra_specs = {**kind.extra_specs, **specs}


def remove_spec(service: VolumeService, type_id: str, key: str) -> None:
    """Remove one. Raises NotFound."""
    with service.db.write() as session:
        kind = _held(session, type_id)
        if key not in kind.extra_specs:
            raise missing_spec(kind, key)
        kind.extra_specs = {name: value for name, value in kind.extra_specs.items() if name != key}


def missing_spec(kind: Any, key: str) -> NotFound:
    """The error for a spec that a type does not have."""
    return NotFound(message=f'Volume type {kind.id} has no extra specs with key {key[:255]}.')


def access(service: VolumeService, type_id: str) -> list[str]:
    """Projects that may use a type which is not public. Raises NotFound."""
    with service.db.read() as session:
        kind = _held(session, type_id)
        if kind.is_public:
            raise NotFound(message='Access list not available for public volume types.')
        return queries.access_of(session, kind.id)


def change_access(service: VolumeService, type_id: str, project_id: str, allowed: bool) -> None:
    """Let a project use a type, or no more. Raises NotFound, Conflict."""
    with service.db.write() as session:
        kind = _held(session, type_id)
        if kind.is_public:
            raise Conflict('Type access modification is not applicable to public volume type.')
        found = session.get(VolumeTypeAccess, (kind.id, project_id))
        if not allowed:
            if found is None:
                raise NotFound(message=f'Volume type access not found for {kind.id} / {project_id} combination.')
            session.delete(found)
            return
        with duplicate_as(session, Conflict(f'Volume type access for {kind.id} / {project_id} combination already exists.')):
            session.add(VolumeTypeAccess(type_id=kind.id, project_id=project_id, created_at=now()))
            session.flush()


def _held(session: Session, type_id: str) -> VolumeType:
    kind = session.get(VolumeType, type_id)
    if kind is None:
        raise NotFound('volume type', type_id)
    return kind


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidInput('A volume type needs a name.', field='name')
