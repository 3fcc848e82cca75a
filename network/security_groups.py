"""Security groups. Their rules are in `security_group_rules`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import Conflict
from network import security_group_rules, tags
from network.db import rows
from network.db import security_groups as queries
from network.db.models import DEFAULT_GROUPS, GROUPS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'security group'
SHOW = 'network:security_groups:show'
UPDATE = 'network:security_groups:update'
DELETE = 'network:security_groups:delete'
DELETE_DEFAULT = 'network:security_groups:delete_default'
DEFAULT = 'default'


@dataclasses.dataclass(slots=True)
class Group:
    """A group's row with its rules."""

    row: Any
    rules: Sequence[Any]


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Group]:
    """A page of the groups that the caller sees."""
    return with_rules(work, queries.page_of_groups(work.session, filters, wanted, work.viewer))


def with_rules(work: Work, found: Sequence[Any]) -> list[Group]:
    """Rows with their rules: one query."""
    rules = queries.rules_of(work.session, [row.id for row in found]) if found else {}
    return [Group(row, rules.get(row.id, ())) for row in found]


def find_row(work: Work, group_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A group's row that the caller may see, and do this to. Raises NotFound, Forbidden."""
    return work.seen(rows.get(work.session, GROUPS, group_id, lock=lock), NOUN, group_id, SHOW, rule)


def find(work: Work, group_id: str, rule: str = SHOW) -> Group:
    """A group that the caller may see."""
    return with_rules(work, [find_row(work, group_id, rule)])[0]


def has_default(work: Work, project_id: str) -> bool:
    """Whether a project has its default group already."""
    return queries.default_of(work.session, project_id) is not None


def ensure_default(work: Work, project_id: str) -> str:
    """The id of a project's default group, which is made where it is missing. In a write transaction."""
    found = queries.default_of(work.session, project_id)
    if found is not None:
        return found
    group = rows.insert(work.session, GROUPS, project_id=project_id, name=DEFAULT, description='Default security group', is_default=True)
    rows.insert(work.session, DEFAULT_GROUPS, project_id=project_id, security_group_id=group.id)
    security_group_rules.add_initial(work, group, members_may_meet=True)
    return str(group.id)


def create(work: Work, body: dict[str, Any]) -> Group:
    """A new group, which lets everything out and nothing in. Raises OverQuota, Conflict."""
    project_id = work.project_of(body)
    ensure_default(work, project_id)
    _check_name(body.get('name'))
    work.service.quotas.reserve(work.session, project_id, {'security_group': 1})
    row = rows.insert(
        work.session,
        GROUPS,
        project_id=project_id,
        name=body.get('name') or '',
        description=body.get('description') or '',
        tags=tags.joined(body.get('tags') or []),
    )
    security_group_rules.add_initial(work, row)
    return with_rules(work, [row])[0]


def _check_name(name: str | None) -> None:
    if name is not None and name.lower() == DEFAULT:
        raise Conflict('Default security group already exists.', code='security_group_default_already_exists')


def update(work: Work, group_id: str, body: dict[str, Any], if_revision: int | None = None) -> Group:
    """Change name or description. Raises Conflict for the name of the default group."""
    row = find_row(work, group_id, UPDATE, lock=True)
    check_revision(row, if_revision)
    changes = {name: body[name] for name in ('name', 'description') if body.get(name) is not None and body[name] != getattr(row, name)}
    if 'name' in changes:
        if row.is_default:
            raise Conflict('Updating default security group not allowed.', code='security_group_cannot_update_default')
        _check_name(changes['name'])
    return with_rules(work, [rows.update(work.session, GROUPS, row, **changes) if changes else row])[0]


def delete(work: Work, group_id: str, if_revision: int | None = None) -> None:
    """Delete a group. Raises Conflict while ports are in it, and for the default group unless an administrator asks."""
    row = find_row(work, group_id, DELETE, lock=True)
    check_revision(row, if_revision)
    if queries.has_members(work.session, row.id):
        raise Conflict(f'Security Group {row.id} in use.', code='security_group_in_use')
    if row.is_default and not work.allowed(DELETE_DEFAULT, row):
        raise Conflict('Insufficient rights for removing default security group.', code='security_group_cannot_remove_default')
    work.touched.groups |= queries.referring(work.session, row.id)
    rows.delete(work.session, GROUPS, row.id)
