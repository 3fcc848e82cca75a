"""The database's clock: the one that all hosts of identity share."""

from __future__ import annotations

import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

_NOW = {
    'mysql': 'SELECT utc_timestamp(6)',
    'mariadb': 'SELECT utc_timestamp(6)',
    'postgresql': "SELECT clock_timestamp() AT TIME ZONE 'utc'",
}


def database_time(session: Session) -> datetime.datetime | None:
    """UTC now by the database's clock; None where that is this host's own (SQLite)."""
    asked = _NOW.get(session.get_bind().dialect.name)
    found: datetime.datetime | None = session.scalar(text(asked)) if asked else None
    return found
