"""Small things that domain code does with a session, so that it need not know SQLAlchemy."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import exc
from sqlalchemy.orm import Session

from common.errors import NotFound, PileusError

LOG = logging.getLogger(__name__)
T = TypeVar('T')
_KEY = 'after_commit'


def after_commit(session: Session, fn: Callable[[], Any]) -> None:
    """Run `fn()` once the transaction of this session is committed; never if it is rolled back."""
    session.info.setdefault(_KEY, []).append(fn)


def run_after_commit(session: Session) -> None:
    """Called by `Database.write`. The commit stands whatever happens here, so a failure is logged and the rest still run."""
    for fn in session.info.pop(_KEY, ()):
        try:
            fn()
        except Exception:
            LOG.exception('work after a commit failed; what it announces will be found by the periodic sweep')


@contextlib.contextmanager
def duplicate_as(session: Session, error: PileusError) -> Iterator[None]:
    """Raise `error` where the block (and its flush) breaks a unique or foreign-key rule; the outer transaction stays usable."""
    try:
        with session.begin_nested():
            yield
            session.flush()
    except exc.IntegrityError as broken:
        raise error from broken


def first(session: Session, query: Any) -> Any | None:
    """The first record (or scalar) of a query, or None."""
    return session.execute(query.limit(1)).scalars().first()


def one_or_404(session: Session, model: type[T], identifier: Any, noun: str) -> T:
    """The record with this primary key; NotFound with the noun if there is none."""
    record = session.get(model, identifier)
    if record is None:
        raise NotFound(noun, identifier)
    return record
