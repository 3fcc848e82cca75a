"""What to do when somebody else was quicker: run a transaction again, or take a row that is there already as one's own."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import exc
from sqlalchemy.orm import Session

from common import clock
from common.db.engine import Busy

P = ParamSpec('P')
T = TypeVar('T')
_ATTEMPTS = 6


def retried(function: Callable[P, T]) -> Callable[P, T]:
    """For a function that is one transaction: it is run again, after a growing pause, when the database gave it up."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return function(*args, **kwargs)
            except Busy:
                clock.sleep(random.uniform(0.5, 1.0) * min(0.02 * 2**attempt, 1.0))
        return function(*args, **kwargs)

    return run


def insert_once(session: Session, statement: Any) -> bool:
    """Run an INSERT; False when the row is there already. The transaction goes on either way."""
    try:
        with session.begin_nested():
            session.execute(statement)
    except exc.IntegrityError:
        return False
    return True
