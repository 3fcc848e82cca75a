"""Conditions that a list of servers is narrowed by."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_

from compute.db.servers import COLUMNS


def deleted(wanted: bool) -> ColumnElement[bool]:
    """Only those that are gone, or only those that are not."""
    return COLUMNS['deleted'].is_(wanted)


def nothing() -> ColumnElement[bool]:
    """No server at all."""
    return false()


def equal(column: str, value: Any) -> ColumnElement[bool]:
    """One value, or one of several."""
    return COLUMNS[column].in_(value) if isinstance(value, list) else COLUMNS[column] == value


def matches(column: str, pattern: str) -> ColumnElement[bool]:
    """SQL's LIKE."""
    return COLUMNS[column].like(pattern, escape='\\')


def changed(which: str, when: datetime.datetime) -> ColumnElement[bool]:
    """Changed since or before a time."""
    moment = func.coalesce(COLUMNS['updated_at'], COLUMNS['created_at'])
    return moment >= when if which == 'since' else moment <= when


def in_states(choices: list[tuple[set[str], set[str] | None]]) -> ColumnElement[bool]:
    """Any of several combinations of vm states and task states."""
    parts: list[ColumnElement[bool]] = []
    for states, tasks in choices:
        if not states:
            continue
        part: ColumnElement[bool] = COLUMNS['vm_state'].in_(states)
        if tasks is not None:
            part = and_(part, COLUMNS['task_state'].in_(tasks))
        parts.append(part)
    return or_(*parts) if parts else false()
