"""Write transactions that settle races by running again.

Unique indexes and foreign keys refuse what two requests did at the same time. The one that came too late runs again,
sees what the other did, and either finds another way (the next free address) or says properly why not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import exc
from sqlalchemy.orm import Session

from common import clock
from common.db import Database
from common.errors import Unavailable
from network.db.rows import Collision

T = TypeVar('T')
ATTEMPTS = 20


def write(db: Database, fn: Callable[[Session], T]) -> T:
    """`fn(session)` in a write transaction, run again where it collided. It must change nothing but the session."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return db.transaction(fn)
        except (exc.IntegrityError, Collision) as error:
            if attempt == ATTEMPTS:
                raise Unavailable('Too many requests change the same thing. Try again.', admin_detail=str(error)[:500]) from error
        clock.sleep(random.uniform(0, 0.002) * attempt)
    raise AssertionError('unreachable')
