"""Who has which role where: granting, taking back, and listing, as stored or as it works out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from common.db import one_or_404
from common.db.session import Session
from common.errors import Forbidden, NotFound
from identity import application_credentials, projects, users
from identity.db import assignments as rows
from identity.db import projects as project_rows
from identity.db import roles as role_rows
from identity.db.assignments import SYSTEM, Grant
from identity.db.models import Role
from identity.db.retry import retried
from identity.service import IdentityService


def check_exist(service: IdentityService, session: Session, grant: Grant, *, target_only: bool = False) -> None:
    """Raises NotFound unless role, actor and target of a grant exist."""
    if grant.target_kind != SYSTEM:
        projects.find(session, grant.target_id, noun=grant.target_kind)
    if target_only:
        return
    if grant.actor_kind == 'user':
        users.find(service, session, grant.actor_id)
    else:
        users.find_group(service, session, grant.actor_id)


@retried
def grant(service: IdentityService, wanted: Grant) -> None:
    """Give a role; nothing happens when it is given already.

    :raises NotFound: role, actor or target
    :raises Forbidden: the role belongs to another domain than the target
    """
    with service.write() as session:
        role = one_or_404(session, Role, wanted.role_id, 'role')
        check_exist(service, session, wanted)
        _check_domain_of_role(session, role, wanted)
        rows.add(session, wanted)


def _check_domain_of_role(session: Session, role: Role, wanted: Grant) -> None:
    if not role.domain_id:
        return
    target = project_rows.project_ref(session, wanted.target_id) if wanted.target_kind != SYSTEM else None
    if target is None or target.domain.id != role.domain_id:
        raise Forbidden(f'The role {role.id} belongs to the domain {role.domain_id} and can only be given there.')


def check(service: IdentityService, wanted: Grant) -> None:
    """Raises NotFound unless the role is given."""
    with service.read() as session:
        one_or_404(session, Role, wanted.role_id, 'role')
        check_exist(service, session, wanted)
        if not rows.exists(session, wanted):
            raise _missing(wanted)


def _missing(wanted: Grant) -> NotFound:
    return NotFound(
        message=f'Could not find role assignment with role: {wanted.role_id}, user or group: {wanted.actor_id}, '
        f'project, domain, or system: {wanted.target_id}.'
    )


@retried
def take_back(service: IdentityService, wanted: Grant) -> None:
    """Take a role back; the tokens that it may be in become void. Raises NotFound when it is not given."""
    with service.write() as session:
        one_or_404(session, Role, wanted.role_id, 'role')
        check_exist(service, session, wanted, target_only=True)
        if not rows.remove(session, wanted):
            raise _missing(wanted)
        if wanted.actor_kind == 'user':
            actors = [wanted.actor_id]
        else:
            actors = service.users.members(session, [wanted.actor_id]).get(wanted.actor_id, [])
        application_credentials.drop_unheld(service, session, actors)
        service.revoke(session, *({'user_id': user_id, **_tokens_on(wanted)} for user_id in actors))


def _tokens_on(wanted: Grant) -> dict[str, str]:
    """What narrows a user's revocation to the tokens that the role could be in."""
    if wanted.inherited:
        return {}
    match wanted.target_kind:
        case 'project':
            return {'project_id': wanted.target_id}
        case 'domain':
            return {'domain_id': wanted.target_id, 'scope': 'domain'}
        case _:
            return {'scope': 'system'}


def roles_of(service: IdentityService, wanted: Grant) -> list[Role]:
    """The roles of an actor on a target, as given there (not inherited from above, not implied). Raises NotFound."""
    with service.read() as session:
        check_exist(service, session, wanted)
        return rows.roles_of(session, wanted)


def projects_of(service: IdentityService, user_id: str) -> list[str]:
    """Ids of the projects on which a user has any role."""
    with service.read() as session:
        return sorted(rows.scopes(session, user_id, service.users.group_filter(session, user_id))[0])


def domains_of(service: IdentityService, user_id: str) -> list[str]:
    """Ids of the domains on which a user has any role."""
    with service.read() as session:
        return sorted(rows.scopes(session, user_id, service.users.group_filter(session, user_id))[1])


def on_system(service: IdentityService, user_id: str) -> bool:
    """Whether a user has any role on the system."""
    with service.read() as session:
        return rows.scopes(session, user_id, service.users.group_filter(session, user_id))[2]


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of assignments: where it takes effect, and the assignment that it comes from."""

    role_id: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    inherited: bool = False
    inherited_from: tuple[str, str] | None = None
    through_group: str | None = None
    prior_role_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of the list of assignments; None: any."""

    user_id: str | None = None
    group_id: str | None = None
    role_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool | None = None
    inherited: bool | None = None
    effective: bool = False
    include_subtree: bool = False


def list_all(service: IdentityService, wanted: Wanted) -> list[Listed]:
    """Assignments that fit. `effective`: groups are taken apart into users, inheritance and implications are followed."""
    with service.read() as session:
        targets = _targets(session, wanted)
        if wanted.effective:
            return _effective(service, session, wanted, targets)
        conditions: dict[str, Any] = {}
        if wanted.user_id:
            conditions |= {'actor_kind': 'user', 'actor_id': wanted.user_id}
        if wanted.group_id:
            conditions |= {'actor_kind': 'group', 'actor_id': wanted.group_id}
        if wanted.role_id:
            conditions['role_id'] = wanted.role_id
        if wanted.inherited is not None:
            conditions['inherited'] = wanted.inherited
        conditions |= _on(wanted, targets)
        return [Listed(**dataclasses.asdict(found)) for found in rows.find(session, **conditions)]


def _targets(session: Session, wanted: Wanted) -> list[str] | None:
    if wanted.project_id:
        below = project_rows.descendants(session, wanted.project_id) if wanted.include_subtree else []
        return [wanted.project_id, *(project.id for project in below)]
    return [wanted.domain_id] if wanted.domain_id else None


def _on(wanted: Wanted, targets: list[str] | None) -> dict[str, Any]:
    if wanted.project_id:
        return {'target_kind': 'project', 'target_id': targets}
    if wanted.domain_id:
        return {'target_kind': 'domain', 'target_id': targets}
    return {'target_kind': SYSTEM} if wanted.system else {}


def _effective(service: IdentityService, session: Session, wanted: Wanted, targets: list[str] | None) -> list[Listed]:
    """All stored assignments of the actor, worked out in a fixed number of queries."""
    conditions: dict[str, Any] = {}
    if wanted.user_id:
        conditions['actor_id'] = [wanted.user_id, *service.users.group_ids_of(session, wanted.user_id)]
    stored = rows.find(session, **conditions)
    below = project_rows.ids_below(session, sorted({found.target_id for found in stored if found.inherited}))
    groups = sorted({found.actor_id for found in stored if found.actor_kind == 'group'})
    members = dict.fromkeys(groups, [wanted.user_id]) if wanted.user_id else service.users.members(session, groups)
    implied = _closure(role_rows.implications(session))
    domain_roles = {id_ for id_, (_, domain_id) in role_rows.role_names(session).items() if domain_id}
    lines = [each for found in stored for line in _reach(found, below) for each in _of_members(line, members)]
    lines += [
        dataclasses.replace(line, role_id=role_id, prior_role_id=line.role_id)
        for line in lines
        for role_id in implied.get(line.role_id, ())
    ]
    kept = [line for line in lines if line.role_id not in domain_roles and _fits(line, wanted, targets)]
    return list(dict.fromkeys(kept))


def _fits(line: Listed, wanted: Wanted, targets: list[str] | None) -> bool:
    if wanted.role_id and line.role_id != wanted.role_id:
        return False
    if wanted.inherited is not None and (line.inherited_from is not None) != wanted.inherited:
        return False
    if wanted.project_id:
        return line.target_kind == 'project' and line.target_id in (targets or ())
    if wanted.domain_id:
        return line.target_kind == 'domain' and line.target_id == wanted.domain_id
    return line.target_kind == SYSTEM if wanted.system else True


def _reach(found: Grant, below: Mapping[str, list[str]]) -> Iterable[Listed]:
    """Where an assignment takes effect: on its target, or (inherited) on every project below."""
    base = Listed(found.role_id, found.actor_kind, found.actor_id, found.target_kind, found.target_id)
    if not found.inherited:
        return [base]
    source = (found.target_kind, found.target_id)
    return [
        dataclasses.replace(base, target_kind='project', target_id=project_id, inherited_from=source)
        for project_id in below[found.target_id]
    ]


def _of_members(line: Listed, members: Mapping[str, list[str]]) -> Iterable[Listed]:
    """A group's assignment as that of each of its members."""
    if line.actor_kind == 'user':
        return [line]
    return [
        dataclasses.replace(line, actor_kind='user', actor_id=user_id, through_group=line.actor_id)
        for user_id in members.get(line.actor_id, ())
    ]


def _closure(implications: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Role -> all roles that it implies, directly or not."""
    direct: dict[str, list[str]] = {}
    for prior, implied in implications:
        direct.setdefault(prior, []).append(implied)
    found: dict[str, list[str]] = {}
    for role_id in direct:
        seen: list[str] = []
        waiting = list(direct[role_id])
        while waiting:
            at = waiting.pop()
            if at not in seen and at != role_id:
                seen.append(at)
                waiting += direct.get(at, ())
        found[role_id] = seen
    return found


def names(service: IdentityService, lines: Iterable[Listed]) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, id) -> how a role, user, group, project or domain of the lines is shown with its name."""
    wanted: dict[str, set[str]] = {'user': set(), 'group': set(), 'project': set()}
    for line in lines:
        wanted[line.actor_kind].add(line.actor_id)
        if line.target_kind != SYSTEM:
            wanted['project'].add(line.target_id)
        if line.through_group:
            wanted['group'].add(line.through_group)
    shown: dict[tuple[str, str], dict[str, Any]] = {}
    with service.read() as session:
        people = service.users.list_users(session, {}, ids=sorted(wanted['user']))
        groups = service.users.list_groups(session, {}, ids=sorted(wanted['group']))
        domain_ids = {user.domain_id for user in people} | {group.domain_id for group in groups}
        refs = project_rows.project_refs(session, sorted(wanted['project'] | domain_ids))
        roles = role_rows.role_names(session)
    for kind, found in (('user', people), ('group', groups)):
        for one in found:
            of = refs[one.domain_id]
            shown[kind, one.id] = {'id': one.id, 'name': one.name, 'domain': {'id': of.id, 'name': of.name}}
    for ref in refs.values():
        shown['domain', ref.id] = {'id': ref.id, 'name': ref.name}
        shown['project', ref.id] = {'id': ref.id, 'name': ref.name, 'domain': {'id': ref.domain.id, 'name': ref.domain.name}}
    for role_id, (name, _) in roles.items():
        shown['role', role_id] = {'id': role_id, 'name': name}
    return shown
