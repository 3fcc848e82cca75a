"""Queries about trusts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from common import clock
from identity.db.trust_models import Trust

_T = Trust.__table__.c
_BATCH = 500  # events that one query looks for


def find_trust(session: Session, trust_id: str) -> Trust | None:
    """The trust with this id, ended or not."""
    return session.get(Trust, trust_id)


def list_trusts(session: Session, wanted: Mapping[str, Any]) -> list[Trust]:
    """Trusts in force that fit the filters `trustor_user_id` and `trustee_user_id`, by id."""
    query = select(Trust).where(*_in_force()).order_by(Trust.id)
    for name in ('trustor_user_id', 'trustee_user_id'):
        if wanted.get(name) is not None:
            query = query.where(_T[name] == wanted[name])
    return list(session.scalars(query))


def count_made_by(session: Session, user_id: str) -> int:
    """How many trusts in force have this trustor."""
    query = select(func.count()).select_from(Trust).where(_T.trustor_user_id == user_id, *_in_force())
    return session.scalar(query) or 0


def _in_force() -> tuple[ColumnElement[bool], ...]:
    return (
        _T.deleted_at.is_(None),
        or_(_T.expires_at.is_(None), _T.expires_at > clock.now()),
        or_(_T.remaining_uses.is_(None), _T.remaining_uses > 0),
    )


def chain(session: Session, trust: Trust) -> list[Trust]:
    """A trust and those that it passes on, up to the first one. One that was removed cuts the list short."""
    up = select(_T.id, _T.redelegated_trust_id).where(_T.id == trust.id).cte('up', recursive=True)
    up = up.union(select(_T.id, _T.redelegated_trust_id).join_from(Trust.__table__, up, _T.id == up.c.redelegated_trust_id))
    found = {row.id: row for row in session.scalars(select(Trust).where(_T.id.in_(select(up.c.id))))}
    ordered, at = [trust], trust.redelegated_trust_id
    while at is not None and at in found and found[at] not in ordered:
        ordered.append(found[at])
        at = found[at].redelegated_trust_id
    return ordered


def _with_descendants(condition: ColumnElement[bool]) -> Select[tuple[str]]:
    """Ids of the trusts that fit, and of all that pass them on."""
    down = select(_T.id).where(condition).cte('down', recursive=True)
    down = down.union(select(_T.id).join_from(Trust.__table__, down, _T.redelegated_trust_id == down.c.id))
    return select(down.c.id)


def ids_with_descendants(session: Session, trust_id: str) -> list[str]:
    """A trust and all that pass it on."""
    return sorted(session.scalars(_with_descendants(_T.id == trust_id)))


def concerned_by(session: Session, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids of the trusts whose tokens are void when revocation events (see `common.tokens.Revocation`) are about one of their users.

    Such an event finds tokens by the user in them, which is only one of the two. An event about roles on a project concerns those
    who get them from the user.
    """
    found: set[str] = set()
    for start in range(0, len(events), _BATCH):
        conditions = _about_users(events[start : start + _BATCH])
        if conditions:
            found.update(session.scalars(_with_descendants(or_(*conditions))))
    return sorted(found)


def _about_users(events: Sequence[Mapping[str, Any]]) -> list[ColumnElement[bool]]:
    users: list[str] = []
    domains: list[str] = []
    by_project: dict[str, list[str]] = {}
    for event in events:
        if event.get('scope'):
            continue
        if event.get('domain_id'):
            domains.append(event['domain_id'])
        elif event.get('user_id') and event.get('project_id'):
            by_project.setdefault(event['project_id'], []).append(event['user_id'])
        elif event.get('user_id'):
            users.append(event['user_id'])
    conditions = [and_(_T.project_id == project_id, _T.source_user_id.in_(of)) for project_id, of in by_project.items()]
    if users:
        conditions += [column.in_(users) for column in (_T.trustor_user_id, _T.trustee_user_id, _T.source_user_id)]
    if domains:
        conditions += [column.in_(domains) for column in (_T.trustor_domain_id, _T.trustee_domain_id)]
    return conditions


def spend_use(session: Session, trust_id: str) -> bool:
    """Count one use of a trust whose uses are limited; it ends with the last one. False when none is left or it has ended."""
    one_less = update(Trust).where(_T.id == trust_id, _T.remaining_uses > 0, _T.deleted_at.is_(None))
    one_less = one_less.values(remaining_uses=_T.remaining_uses - 1).execution_options(synchronize_session=False)
    if not session.execute(one_less).rowcount:
        return False
    _end_where(session, and_(_T.id == trust_id, _T.remaining_uses == 0))
    return True


def end(session: Session, trust_ids: Sequence[str]) -> None:
    """Note that trusts have ended."""
    if trust_ids:
        _end_where(session, _T.id.in_(trust_ids))


def end_of_users(session: Session, user_ids: Sequence[str]) -> None:
    """Trusts from and to users that are deleted have ended, and those that pass them on."""
    if user_ids:
        concerned = or_(_T.trustor_user_id.in_(user_ids), _T.trustee_user_id.in_(user_ids), _T.source_user_id.in_(user_ids))
        end(session, list(session.scalars(_with_descendants(concerned))))


def end_of_projects(session: Session, project_ids: Sequence[str]) -> None:
    """Trusts in projects that are deleted have ended."""
    if project_ids:
        _end_where(session, _T.project_id.in_(project_ids))


def _end_where(session: Session, condition: ColumnElement[bool]) -> None:
    session.execute(
        update(Trust).where(condition, _T.deleted_at.is_(None)).values(deleted_at=clock.now()).execution_options(synchronize_session=False)
    )


def forget_ended(session: Session, before: datetime.datetime) -> int:
    """Remove trusts that ended before that time and that no other one passes on; returns how many."""
    over = or_(_T.deleted_at < before, _T.expires_at < before)
    further = Trust.__table__.alias('further')
    passed_on = select(further.c.id).where(further.c.redelegated_trust_id == _T.id).exists()
    ids = list(session.scalars(select(_T.id).where(over, ~passed_on)))
    if ids:
        session.execute(delete(Trust).where(_T.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)
