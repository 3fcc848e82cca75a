"""Projects and domains: making, changing and removing them, and what goes with them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from common.db import duplicate_as
from common.db.session import Session
from common.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from common.ids import new_hex_id
from identity.db import application_credentials as application_credential_rows
from identity.db import assignments as assignment_rows
from identity.db import credentials as credential_rows
from identity.db import oauth1 as oauth_rows
from identity.db import projects as rows
from identity.db import roles as role_rows
from identity.db import trusts as trust_rows
from identity.db import users as user_rows
from identity.db.models import NO_DOMAIN, Project
from identity.db.retry import retried
from identity.service import IdentityService

LOG = logging.getLogger(__name__)


def find(session: Session, project_id: str, *, noun: str = 'project') -> Project:
    """A project or domain in a transaction. Raises NotFound."""
    project = session.get(Project, project_id)
    if project is None or (noun == 'domain' and not project.is_domain):
        raise NotFound(noun, project_id)
    return project


def get(service: IdentityService, project_id: str, *, noun: str = 'project') -> tuple[Project, list[str]]:
    """A project or domain and its tags. Raises NotFound."""
    with service.read() as session:
        project = find(session, project_id, noun=noun)
        return project, rows.tags_of(session, [project.id]).get(project.id, [])


def list_all(
    service: IdentityService,
    wanted: Mapping[str, Any],
    *,
    ids: Sequence[str] | None = None,
    tags: Mapping[str, Sequence[str]] | None = None,
) -> list[tuple[Project, list[str]]]:
    """Projects (or domains, with `is_domain`) that fit the filters, each with its tags."""
    with service.read() as session:
        found = rows.list_projects(session, wanted, ids=ids, tags=tags)
        tagged = rows.tags_of(session, [project.id for project in found])
    return [(project, tagged.get(project.id, [])) for project in found]


@retried
def create_domain(service: IdentityService, values: Mapping[str, Any]) -> tuple[Project, list[str]]:
    """Make a domain. Raises Conflict when the name or the explicit id is taken."""
    domain = Project(
        id=values.get('explicit_domain_id') or new_hex_id(),
        domain_id=NO_DOMAIN,
        parent_id=None,
        is_domain=True,
        **_made_of(values),
    )
    with service.write() as session:
        _insert(session, domain, values.get('tags') or (), 'domain')
    return domain, sorted(values.get('tags') or ())


@retried
def create_project(service: IdentityService, values: Mapping[str, Any]) -> tuple[Project, list[str]]:
    """Make a project. `domain_id` and `parent_id` must fit; where only one is given the other follows from it.

    :raises InvalidInput: the parent is of another domain
    :raises NotFound: domain or parent do not exist
    :raises Forbidden: too deep, or the parent is disabled
    """
    with service.write() as session:
        parent = _parent(service, session, values)
        domain_id = parent.id if parent.is_domain else parent.domain_id
        project = Project(id=new_hex_id(), domain_id=domain_id, parent_id=parent.id, is_domain=False, **_made_of(values))
        _insert(session, project, values.get('tags') or (), 'project')
    return project, sorted(values.get('tags') or ())


def _parent(service: IdentityService, session: Session, values: Mapping[str, Any]) -> Project:
    domain_id, parent_id = values.get('domain_id'), values.get('parent_id')
    parent = find(session, parent_id or domain_id or service.options.default_domain_id, noun='project' if parent_id else 'domain')
    if domain_id and domain_id != (parent.id if parent.is_domain else parent.domain_id):
        raise InvalidInput('The parent project is not of the domain that the request names.', field='parent_id')
    if not parent.enabled:
        raise Forbidden(f'Cannot create a project in {parent.id}, which is disabled.')
    depth = len(rows.ancestors(session, parent.id)) + 1
    if not parent.is_domain and depth >= service.options.max_project_tree_depth:
        raise Forbidden(f'Max hierarchy depth reached for {parent.id} branch.')
    return parent


def _made_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        'name': values['name'],
        'enabled': values.get('enabled', True),
        'description': values.get('description') or '',
        'options': dict(values.get('options') or {}),
        'extra': dict(values.get('extra') or {}),
    }


def _insert(session: Session, project: Project, tags: Sequence[str], noun: str) -> None:
    with duplicate_as(session, _taken(noun, project)):
        session.add(project)
    rows.replace_tags(session, project.id, tags)


def _taken(noun: str, project: Project) -> Conflict:
    where = '' if noun == 'domain' else f' at domain ID {project.domain_id}'
    return Conflict(
        f'Conflict occurred attempting to store {noun} - it is not permitted to have two {noun}s with either the same name or same id'
        f'{" in the same domain" if noun == "project" else ""}: name is {project.name}, {noun} id {project.id}{where}.'
    )


@retried
def update(service: IdentityService, project_id: str, values: Mapping[str, Any], *, noun: str = 'project') -> tuple[Project, list[str]]:
    """Change a project or domain. Disabling one voids the tokens that are scoped to it (or, of a domain, have to do with it).

    :raises Forbidden: projects below are enabled, the parent is disabled, or the default domain would be disabled
    """
    with service.write() as session:
        project = find(session, project_id, noun=noun)
        check_not_immutable(project.options, project_id, values)
        turned_off = project.enabled and values.get('enabled') is False
        if turned_off:
            _check_may_disable(service, session, project)
        if not project.enabled and values.get('enabled') and project.parent_id and not find(session, project.parent_id).enabled:
            raise Forbidden(f'Cannot enable project {project_id} since it has disabled parents.')
        with duplicate_as(
            session, Conflict(f'Conflict occurred attempting to store {noun} - Duplicate entry found with name {values.get("name")}.')
        ):
            _apply(project, values)
        if 'tags' in values:
            rows.replace_tags(session, project_id, values['tags'])
        tags = rows.tags_of(session, [project_id]).get(project_id, [])
        if turned_off:
            service.revoke(session, {'domain_id' if project.is_domain else 'project_id': project_id})
    return project, tags


def _apply(project: Project, values: Mapping[str, Any]) -> None:
    """Set what is given; `options` and `extra` are merged, and a key whose value is null goes."""
    for name in ('name', 'enabled'):
        if name in values:
            setattr(project, name, values[name])
    if 'description' in values:
        project.description = values['description'] or ''
    for name in ('options', 'extra'):
        if values.get(name):
            setattr(project, name, {k: v for k, v in {**getattr(project, name), **values[name]}.items() if v is not None})


def _check_may_disable(service: IdentityService, session: Session, project: Project) -> None:
    if project.id == service.options.default_domain_id:
        raise Forbidden('The default domain cannot be disabled.')
    if not project.is_domain and any(below.enabled for below in rows.descendants(session, project.id)):
        raise Forbidden(f'Cannot disable project {project.id} since its subtree contains enabled projects.')


def check_not_immutable(options: Mapping[str, Any], identifier: str, values: Mapping[str, Any] | None = None) -> None:
    """Refuse changes of a record whose option `immutable` is set, other than to that option (Forbidden).

    :param values: the change; None for a removal
    """
    if options.get('immutable') and 'immutable' not in ((values or {}).get('options') or {}):
        raise Forbidden(f'Cannot change or delete {identifier}: its option immutable is set.')


@retried
def delete_project(service: IdentityService, project_id: str) -> None:
    """Remove a project, the roles on it, and void its tokens. Raises Forbidden while projects are below it."""
    with service.write() as session:
        project = find(session, project_id)
        if project.is_domain:
            _delete_domain(service, session, project)
            return
        check_not_immutable(project.options, project_id)
        if rows.has_children(session, project_id):
            raise Forbidden(f'Cannot delete the project {project_id} since it is not a leaf in the hierarchy.')
        _remove(session, [project_id])
        service.revoke(session, {'project_id': project_id})


@retried
def delete_domain(service: IdentityService, domain_id: str) -> None:
    """Remove a disabled domain with its projects, users, groups and roles. Raises Forbidden while it is enabled."""
    with service.write() as session:
        _delete_domain(service, session, find(session, domain_id, noun='domain'))


def _delete_domain(service: IdentityService, session: Session, domain: Project) -> None:
    if domain.id == service.options.default_domain_id:
        raise Forbidden('The default domain cannot be deleted.')
    check_not_immutable(domain.options, domain.id)
    if domain.enabled:
        raise Forbidden('Cannot delete a domain that is enabled, please disable it first.')
    users, groups = _people(service, session, domain.id)
    assignment_rows.remove_of_actors(session, 'user', users)
    credential_rows.remove_of_users(session, users)
    application_credential_rows.remove_of_users(session, users)
    oauth_rows.remove_of_users(session, users)
    trust_rows.end_of_users(session, users)
    assignment_rows.remove_of_actors(session, 'group', groups)
    for user_id in users:
        user_rows.delete_user(session, user_id)
    for group_id in groups:
        user_rows.delete_group(session, group_id)
    for role in role_rows.list_roles(session, {'domain_id': domain.id}):
        role_rows.delete_role(session, role.id)
    _remove(session, [p.id for p in _deepest_first(rows.descendants(session, domain.id), domain.id)])
    _remove(session, [domain.id])
    service.revoke(session, {'domain_id': domain.id})


def _people(service: IdentityService, session: Session, domain_id: str) -> tuple[list[str], list[str]]:
    """Ids of all users and groups of a domain: those kept here, and those of a backend of its own, where they stay."""
    wanted = {'domain_id': domain_id}
    users = {user.id for user in user_rows.list_users(session, wanted)}
    groups = {group.id for group in user_rows.list_groups(session, wanted)}
    try:
        users.update(user.id for user in service.users.list_users(session, wanted))
        groups.update(group.id for group in service.users.list_groups(session, wanted))
    except Unavailable as error:
        # It may be away for good. What is left over opens nothing, since there is no such domain.
        LOG.warning('roles of users of the domain %s, whose directory is away, stay in the database: %s', domain_id, error.message)
    return sorted(users), sorted(groups)


def _deepest_first(projects: list[Project], root: str) -> list[Project]:
    parents = {project.id: project.parent_id for project in projects}

    def depth(project_id: str | None) -> int:
        return 0 if project_id is None or project_id == root else 1 + depth(parents.get(project_id))

    return sorted(projects, key=lambda project: depth(project.id), reverse=True)


def _remove(session: Session, project_ids: Sequence[str]) -> None:
    assignment_rows.remove_on_targets(session, project_ids)
    user_rows.clear_default_project(session, project_ids)
    credential_rows.remove_of_projects(session, project_ids)
    application_credential_rows.remove_of_projects(session, project_ids)
    oauth_rows.remove_of_projects(session, project_ids)
    trust_rows.end_of_projects(session, project_ids)
    for project_id in project_ids:
        rows.replace_tags(session, project_id, ())
        session.delete(find(session, project_id))
        session.flush()


def family(service: IdentityService, project_id: str, *, above: bool) -> list[Project]:
    """The projects above (nearest first) or below a project."""
    with service.read() as session:
        return rows.ancestors(session, project_id) if above else rows.descendants(session, project_id)


@retried
def set_tags(service: IdentityService, project_id: str, tags: Sequence[str]) -> list[str]:
    """Give a project exactly these tags; returns them in order."""
    with service.write() as session:
        find(session, project_id)
        rows.replace_tags(session, project_id, tags)
    return sorted(set(tags))
