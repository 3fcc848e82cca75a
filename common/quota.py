"""Quotas: what a project may have, counted from the rows themselves in the transaction that allocates.

There is no usage table that could drift. -1 means without limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from common.db.quotas import QuotaTables, delete_limits, lock_project, read_limits, write_limits
from common.errors import InvalidInput, OverQuota

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

UNLIMITED = -1
Usage = Callable[['Session', str], Mapping[str, int]]
"""(session, project) -> how much the project uses of each resource."""


class Quotas:
    """The quotas of one service. `defaults`: the limit of each resource for a project that has none of its own.

    `usage(session, project_id)` counts the rows; it is one query per table at most.
    """

    def __init__(self, tables: QuotaTables, defaults: Mapping[str, int], usage: Usage) -> None:
        self.tables = tables
        self.defaults = dict(defaults)
        self.usage = usage

    def limits(self, session: Session, project_id: str) -> dict[str, int]:
        """The limit of each resource for a project."""
        return {**self.defaults, **read_limits(session, self.tables, project_id)}

    def reserve(self, session: Session, project_id: str, wanted: Mapping[str, int]) -> None:
        """Raise OverQuota unless the project may have `wanted` more (resource -> amount).

        To be called in the write transaction that then adds the rows: until it ends no other one allocates for this project.
        """
        limits = self.limits(session, project_id)
        limited = {name: amount for name, amount in wanted.items() if amount > 0 and limits.get(name, UNLIMITED) != UNLIMITED}
        if not limited:
            return
        lock_project(session, self.tables, project_id)
        session.flush()  # what was added before counts as well
        used = self.usage(session, project_id)
        for name, amount in limited.items():
            if used.get(name, 0) + amount > limits[name]:
                raise OverQuota(name, limit=limits[name], used=used.get(name, 0), wanted=amount)

    def set_limits(self, session: Session, project_id: str, limits: Mapping[str, int], *, force: bool = True) -> None:
        """Change limits of a project. Without `force` a limit below what is used is refused; unknown resources always are."""
        for name, limit in limits.items():
            if name not in self.defaults:
                raise InvalidInput(f'There is no quota for {name[:64]}; possible: {", ".join(sorted(self.defaults))}.', field=name[:64])
            if limit < UNLIMITED:
                raise InvalidInput(f'The quota for {name} must be -1 (without limit) or more.', field=name)
        if not force:
            used = self.usage(session, project_id)
            for name, limit in limits.items():
                if limit != UNLIMITED and used.get(name, 0) > limit:
                    raise InvalidInput(f'The quota for {name} cannot be {limit}: {used[name]} are in use.', field=name)
        write_limits(session, self.tables, project_id, limits)

    def reset(self, session: Session, project_id: str) -> None:
        """Give a project the defaults again."""
        delete_limits(session, self.tables, project_id)

    def usages(self, session: Session, project_id: str) -> dict[str, tuple[int, int]]:
        """(used, limit) of each resource."""
        used, limits = self.usage(session, project_id), self.limits(session, project_id)
        return {name: (used.get(name, 0), limit) for name, limit in limits.items()}
