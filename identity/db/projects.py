"""Queries about projects and domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select
from sqlalchemy.orm import Session

from identity.db.filters import narrowed
from identity.db.models import NO_DOMAIN, Project, ProjectTag
from identity.records import DomainRef, ProjectRef

PROJECT_FILTERS = {
    'id': Project.id,
    'name': Project.name,
    'domain_id': Project.domain_id,
    'enabled': Project.enabled,
    'parent_id': Project.parent_id,
    'is_domain': Project.is_domain,
}
# The queries of every login are made once: building one takes longer than running it.
_OF_DOMAIN = Project.__table__.alias('of_domain')
_P, _D = Project.__table__.c, _OF_DOMAIN.c
_REFS = select(_P.id, _P.name, _P.enabled, _P.is_domain, _D.id, _D.name, _D.enabled).outerjoin_from(
    Project.__table__, _OF_DOMAIN, _D.id == _P.domain_id
)
_REF_BY_ID = _REFS.where(_P.id == bindparam('id'))
_REF_BY_NAME = _REFS.where(_P.domain_id == bindparam('domain_id'), _P.name == bindparam('name'))
_DOMAINS = select(_P.id, _P.name, _P.enabled).where(_P.is_domain.is_(True))
_DOMAIN_BY_ID = _DOMAINS.where(_P.id == bindparam('id'))
_DOMAIN_BY_NAME = _DOMAINS.where(_P.domain_id == NO_DOMAIN, _P.name == bindparam('name'))


def _ref(row: Any) -> ProjectRef:
    id_, name, enabled, is_domain, domain_id, domain_name, domain_enabled = row
    domain = DomainRef(id_, name, enabled) if is_domain else DomainRef(domain_id, domain_name, domain_enabled)
    return ProjectRef(id_, name, enabled, is_domain, domain)


def project_ref(session: Session, project_id: str) -> ProjectRef | None:
    """A project (or domain) with its domain, or None."""
    row = session.execute(_REF_BY_ID, {'id': project_id}).one_or_none()
    return _ref(row) if row else None


def find_project_ref(session: Session, name: str, domain_id: str) -> ProjectRef | None:
    """The project of this name in the domain."""
    row = session.execute(_REF_BY_NAME, {'domain_id': domain_id, 'name': name}).one_or_none()
    return _ref(row) if row else None


def project_refs(session: Session, ids: Sequence[str]) -> dict[str, ProjectRef]:
    """Several projects or domains by id."""
    return {row[0]: _ref(row) for row in session.execute(_REFS.where(_P.id.in_(ids)))} if ids else {}


def find_domain_ref(session: Session, *, id: str | None = None, name: str | None = None) -> DomainRef | None:
    """A domain by id or by name."""
    query, values = (_DOMAIN_BY_ID, {'id': id}) if id is not None else (_DOMAIN_BY_NAME, {'name': name})
    row = session.execute(query, values).one_or_none()
    return DomainRef(*row) if row else None


def list_projects(
    session: Session, wanted: Mapping[str, Any], *, ids: Sequence[str] | None = None, tags: Mapping[str, Sequence[str]] | None = None
) -> list[Project]:
    """Projects (or domains) that fit the filters, by name.

    :param ids: only these
    :param tags: `tags` (all of them), `tags-any`, `not-tags`, `not-tags-any` -> tags
    """
    query = narrowed(select(Project), PROJECT_FILTERS, wanted).order_by(Project.name, Project.id)
    if ids is not None:
        query = query.where(Project.id.in_(ids))
    for kind, names in (tags or {}).items():
        each = [select(ProjectTag.project_id).where(ProjectTag.name == name) for name in names]
        if kind == 'tags':
            query = query.where(*(Project.id.in_(having) for having in each))
        elif kind == 'tags-any':
            query = query.where(or_(*(Project.id.in_(having) for having in each)))
        elif kind == 'not-tags':
            query = query.where(or_(*(Project.id.not_in(having) for having in each)))
        else:
            query = query.where(*(Project.id.not_in(having) for having in each))
    return list(session.scalars(query))


def tags_of(session: Session, project_ids: Sequence[str]) -> dict[str, list[str]]:
    """Tags of each project, in order; projects without tags are not in the answer."""
    found: dict[str, list[str]] = {}
    if project_ids:
        query = select(ProjectTag.project_id, ProjectTag.name).where(ProjectTag.project_id.in_(project_ids)).order_by(ProjectTag.name)
        for project_id, name in session.execute(query):
            found.setdefault(project_id, []).append(name)
    return found


def replace_tags(session: Session, project_id: str, tags: Sequence[str]) -> None:
    """Give a project exactly these tags."""
    session.execute(delete(ProjectTag).where(ProjectTag.project_id == project_id))
    if rows := [{'project_id': project_id, 'name': name} for name in dict.fromkeys(tags)]:
        session.execute(insert(ProjectTag), rows)


def _tree(start: str, *, up: bool) -> Any:
    tree = select(Project.id, Project.parent_id).where(Project.id == start).cte('tree', recursive=True)
    link = Project.id == tree.c.parent_id if up else Project.parent_id == tree.c.id
    return tree.union_all(select(Project.id, Project.parent_id).join(tree, link))


def ancestors(session: Session, project_id: str) -> list[Project]:
    """The projects above a project, from its parent up; the domain is not among them."""
    tree = _tree(project_id, up=True)
    found = {p.id: p for p in session.scalars(select(Project).join(tree, tree.c.id == Project.id))}
    chain: list[Project] = []
    at = found.get(project_id)
    while at is not None and at.parent_id and not at.is_domain:
        at = found.get(at.parent_id)
        if at is not None and not at.is_domain:
            chain.append(at)
    return chain


def descendants(session: Session, project_id: str) -> list[Project]:
    """All projects below a project or domain."""
    tree = _tree(project_id, up=False)
    return list(
        session.scalars(
            select(Project).join(tree, tree.c.id == Project.id).where(Project.id != project_id).order_by(Project.name, Project.id)
        )
    )


def ids_below(session: Session, tops: Sequence[str]) -> dict[str, list[str]]:
    """Project or domain id -> ids of all projects below it, for several at once."""
    found: dict[str, list[str]] = {top: [] for top in tops}
    if tops:
        tree = select(_P.id.label('top'), _P.id).where(_P.id.in_(tops)).cte('below', recursive=True)
        tree = tree.union_all(select(tree.c.top, _P.id).join_from(tree, Project.__table__, _P.parent_id == tree.c.id))
        for top, project_id in session.execute(select(tree.c.top, tree.c.id).where(tree.c.id != tree.c.top).order_by(tree.c.id)):
            found[top].append(project_id)
    return found


def has_children(session: Session, project_id: str) -> bool:
    """Whether any project has this one as parent."""
    return session.scalar(select(Project.id).where(Project.parent_id == project_id).limit(1)) is not None
