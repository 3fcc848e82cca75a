"""Which roles a user may pass on in a project: to a program, to another user. Common to all that is delegated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.context import Context
from common.db.session import Session
from common.errors import OverQuota
from identity.db import assignments as assignment_rows
from identity.records import RoleRef
from identity.service import IdentityService


def held(service: IdentityService, session: Session, user_id: str, project_id: str) -> list[RoleRef]:
    """The roles that a user has in a project now, in whatever way, by name."""
    groups = service.users.group_filter(session, user_id)
    return assignment_rows.effective_roles(session, user_id, 'project', project_id, groups)


def may_pass_on(service: IdentityService, session: Session, ctx: Context, user_id: str, project_id: str) -> list[RoleRef]:
    """Those of the roles held that the caller may pass on: with an application credential no more than it has, and where it has them."""
    found = held(service, session, user_id, project_id)
    if not ctx.application_credential_id:
        return found
    return [role for role in found if project_id == ctx.project_id and role.name in ctx.roles]


def check_room(limit: int, count: Callable[[], int], noun: str) -> None:
    """Refuse one more thing of a user where there are as many as may be (OverQuota, 403). `limit` -1: any number; nothing is counted then."""
    if limit < 0:
        return
    used = count()
    if used >= limit:
        said = f'No further {noun} can be made: {limit} is the most that a user may have.'
        raise OverQuota(noun, limit=limit, used=used, message=said)


def choose(offered: Sequence[RoleRef], wanted: Sequence[Mapping[str, Any]], refusal: Callable[[str | None], Exception]) -> list[str]:
    """Ids of the roles that a request asks for, each once.

    :param wanted: references by `id` or `name`
    :param refusal: makes what is raised about the first of them that is not offered
    """
    by_name = {role.name: role.id for role in offered}
    chosen: dict[str, None] = {}
    for reference in wanted:
        role_id = reference.get('id') or by_name.get(reference.get('name') or '')
        if role_id not in by_name.values():
            raise refusal(reference.get('id') or reference.get('name'))
        chosen[str(role_id)] = None
    return list(chosen)
