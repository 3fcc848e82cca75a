"""Queries about revocation events."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from common.tokens import Revocation
from identity.db.models import RevocationEvent

# A transaction that took an earlier id may commit later: events this young are told again to whoever asks.
_OVERLAP = datetime.timedelta(seconds=60)


def _seconds(when: datetime.datetime) -> float:
    return when.replace(tzinfo=datetime.UTC).timestamp()


def add_events(
    session: Session, events: Sequence[dict[str, Any]], issued_before: datetime.datetime, expires_at: datetime.datetime
) -> list[Revocation]:
    """Write events (what each matches, see Revocation) and return them with their ids."""
    found = []
    for matches in events:
        result = session.execute(insert(RevocationEvent).values(issued_before=issued_before, expires_at=expires_at, matches=matches))
        found.append(Revocation(result.inserted_primary_key[0], _seconds(issued_before), _seconds(expires_at), **matches))
    return found


def events_since(session: Session, latest_id: int, now: datetime.datetime) -> list[Revocation]:
    """Events in force that came after the one with this id, and very young ones."""
    query = select(RevocationEvent.id, RevocationEvent.issued_before, RevocationEvent.expires_at, RevocationEvent.matches)
    query = query.where(RevocationEvent.expires_at > now)
    if latest_id:
        query = query.where(or_(RevocationEvent.id > latest_id, RevocationEvent.issued_before > now - _OVERLAP))
    return [Revocation(row.id, _seconds(row.issued_before), _seconds(row.expires_at), **row.matches) for row in session.execute(query)]


def events_from(session: Session, issued_at: float) -> Iterator[Revocation]:
    """Events that a token issued at this time (seconds since the epoch) could match, in force or not, while they are kept."""
    query = select(RevocationEvent.id, RevocationEvent.issued_before, RevocationEvent.expires_at, RevocationEvent.matches)
    begin = datetime.datetime.fromtimestamp(issued_at, datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=1)
    for row in session.execute(query.where(RevocationEvent.issued_before >= begin)).yield_per(1000):
        yield Revocation(row.id, _seconds(row.issued_before), _seconds(row.expires_at), **row.matches)


def delete_expired(session: Session, now: datetime.datetime) -> int:
    """Remove events that can match no living token; returns how many."""
    return session.execute(delete(RevocationEvent).where(RevocationEvent.expires_at <= now)).rowcount
