"""Handlers that are the same for every resource: list, show, create (many at once, too), update, delete.

A domain module offers `page(work, filters, wanted)`, `find(work, id)`, `create(work, body)`, `update(work, id, body,
if_revision)` and `delete(work, id, if_revision)`; each asks the policy about the record itself. Everything a request does is
one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from common.api import Call, Reply
from network.api.standard import FIRST
from network.work import Work

Views = Callable[[Work, Sequence[Any]], list[dict[str, Any]]]


class Crud:
    """The handlers of a resource. `views(work, records)` makes the JSON of records with as few queries as can be."""

    def __init__(self, domain: Any, views: Views) -> None:
        self._domain, self._views = domain, views

    def list(self, call: Call) -> Reply:
        """A page of what the caller sees."""
        page = call.paging(FIRST)
        found = call.service.read(call.ctx, lambda work: self._views(work, self._domain.page(work, call.filters, page)))
        return call.paged(found, page)

    def show(self, call: Call) -> dict[str, Any]:
        """One thing."""
        return call.service.read(call.ctx, lambda work: self._views(work, [self._domain.find(work, call.params['id'])])[0])

    def create(self, call: Call) -> dict[str, Any] | list[dict[str, Any]]:
        """One new thing, or many: all or none."""
        bodies = call.body if call.is_bulk else [call.body]
        made = call.service.write(call.ctx, lambda work: self._views(work, [self._domain.create(work, body) for body in bodies]))
        return made if call.is_bulk else made[0]

    def update(self, call: Call) -> dict[str, Any]:
        """Change a thing, if it is still at the revision of `If-Match`."""
        expected = call.if_revision
        return call.service.write(
            call.ctx, lambda work: self._views(work, [self._domain.update(work, call.params['id'], call.body, expected)])[0]
        )

    def delete(self, call: Call) -> None:
        """Remove a thing, if it is still at the revision of `If-Match`."""
        expected = call.if_revision
        call.service.write(call.ctx, lambda work: self._domain.delete(work, call.params['id'], expected))
