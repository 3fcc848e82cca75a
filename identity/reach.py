"""How far accounts and groups reach: whether who runs their domain may take them over, or take them away.

Roles on the system, or roles that administer the cloud on a project, reach the cloud; roles on another domain or in its projects reach
abroad. It does not matter whether they are given, come through a group, or (trusts) are somebody else's. See
`docs/decisions/0043-domain-administrators.md`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from common.db.session import Session
from identity.db import assignments as assignment_rows
from identity.db import projects as project_rows
from identity.db import roles as role_rows
from identity.db import trusts as trust_rows
from identity.db.assignments import SYSTEM
from identity.service import IdentityService

OF_CLOUD = frozenset({'admin', 'service'})
"""Roles that on any project make an administrator or a service of the cloud."""
DOMAIN, ABROAD, CLOUD = 'domain', 'abroad', 'cloud'


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """`farthest`: DOMAIN, ABROAD or CLOUD. `administers`: whether the role admin on the own domain is in it."""

    farthest: str = DOMAIN
    administers: bool = False

    def target(self) -> dict[str, str]:
        """What rules are asked about: `reach`, and `administers` (yes, no)."""
        return {'reach': self.farthest, 'administers': 'yes' if self.administers else 'no'}


@dataclasses.dataclass(frozen=True, slots=True)
class _Hold:
    """Roles on something: `projects` says whether they hold in projects; `place` is a project or domain, or None for the system."""

    role_ids: tuple[str, ...]
    place: str | None
    projects: bool


def of_user(service: IdentityService, user_id: str, domain_id: str) -> Reach:
    """How far a user of this domain reaches."""
    with service.read() as session:
        actors = [user_id, *service.users.group_ids_of(session, user_id)]
        return _farthest(session, domain_id, [*_given(session, actors), *_trusted(session, user_id)])


def of_group(service: IdentityService, group_id: str, domain_id: str) -> Reach:
    """How far the members of a group of this domain reach by it."""
    with service.read() as session:
        return _farthest(session, domain_id, list(_given(session, [group_id])))


def _given(session: Session, actor_ids: list[str]) -> Iterable[_Hold]:
    for found in assignment_rows.find(session, actor_id=actor_ids):
        place = None if found.target_kind == SYSTEM else found.target_id
        yield _Hold((found.role_id,), place, found.inherited or found.target_kind == 'project')


def _trusted(session: Session, user_id: str) -> Iterable[_Hold]:
    for trust in trust_rows.list_trusts(session, {'trustee_user_id': user_id}):
        if trust.project_id is not None:
            yield _Hold(tuple(trust.role_ids), trust.project_id, True)


def _farthest(session: Session, domain_id: str, holds: list[_Hold]) -> Reach:
    gives = {ids: role_rows.names_with_implied(session, ids) for ids in {hold.role_ids for hold in holds}}
    if any(hold.place is None or (hold.projects and gives[hold.role_ids] & OF_CLOUD) for hold in holds):
        return Reach(CLOUD, True)
    elsewhere = {hold.place for hold in holds if hold.place != domain_id}
    refs = project_rows.project_refs(session, sorted(place for place in elsewhere if place))
    farthest = ABROAD if any(place not in refs or refs[place].domain.id != domain_id for place in elsewhere if place) else DOMAIN
    return Reach(farthest, any(hold.place == domain_id and 'admin' in gives[hold.role_ids] for hold in holds))
