"""Sessions over a connection that is theirs from the start, and the connections to SQLite that are kept at hand.

A plain session takes a connection from a pool at its first statement, begins a transaction there and books both; that takes longer
than several statements of ours. Here the connection is given, and statements that ask for no mapped class go to it straight away.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from common.db.prepared import Prepared

_inherited: list[sa.Connection] = []
"""What a child process got from its parent: to be neither used nor closed."""


class _Given(Session):
    """A session over a connection, in a transaction that somebody else begins and ends."""

    def __init__(self, connection: sa.Connection, **options: Any) -> None:
        super().__init__(connection, expire_on_commit=False, **options)
        self._given = connection

    def execute(self, statement: Any, params: Any = None, **rest: Any) -> Any:
        """As SQLAlchemy's, with a short way for statements that have nothing to do with mapped classes."""
        if isinstance(statement, Prepared):
            return statement.run(self._given, params)
        if rest or getattr(statement, '_propagate_attrs', True):
            return super().execute(statement, params, **rest)
        return self._given.execute(statement, params)


class Writing(_Given):
    """A session that writes, to be flushed before its transaction is committed."""

    def execute(self, statement: Any, params: Any = None, **rest: Any) -> Any:
        """As above, but for savepoints, which only SQLAlchemy's own way knows."""
        if not self.in_nested_transaction():
            return super().execute(statement, params, **rest)
        return Session.execute(self, statement.statement if isinstance(statement, Prepared) else statement, params, **rest)


class Reading(_Given):
    """A session that reads."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection, autoflush=False)

    def close(self) -> None:
        """See Session. Where no record was loaded there is nothing to let go of."""
        if len(self.identity_map):
            super().close()

    def _connection_for_bind(self, engine: Any, execution_options: Any = None, **rest: Any) -> sa.Connection:
        return self._given


class Kept:
    """Connections of an engine that stay open between transactions, the last used first.

    :param most: how many idle ones are kept
    """

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine, self._most = engine, most
        self._idle: list[sa.Connection] = []

    def take(self) -> sa.Connection:
        """A connection that nobody else uses. Raises DBAPIError."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()

    def give_back(self, connection: sa.Connection) -> None:
        """The connection is not used any more."""
        if self._is_good(connection) and len(self._idle) < self._most:
            self._idle.append(connection)
        else:
            connection.close()

    def _is_good(self, connection: sa.Connection) -> bool:
        return not (connection.closed or connection.invalidated or connection.in_transaction())

    def inherit(self) -> None:
        """In a child process: those kept are the parent's."""
        _inherited.extend(self._idle)
        self._idle.clear()

    def close(self) -> None:
        """Close the idle ones."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class KeptReaders(Kept):
    """Kept connections to one SQLite file, each given in a fresh transaction that sees one state of the file.

    SQLAlchemy thinks that a connection is in one endless transaction; the true ones are begun and rolled back at the driver.
    """

    def take(self) -> sa.Connection:
        """See Kept."""
        connection = super().take()
        if not connection.in_transaction():
            connection.begin()
        begin(connection, 'BEGIN')
        return connection

    def give_back(self, connection: sa.Connection) -> None:
        """See Kept; ends the transaction."""
        if self._is_good(connection):
            driver: Any = connection.connection.driver_connection
            try:
                driver.rollback()
            except connection.dialect.loaded_dbapi.Error as error:
                connection.invalidate(error)
        super().give_back(connection)

    def _is_good(self, connection: sa.Connection) -> bool:
        return not (connection.closed or connection.invalidated)


def begin(connection: sa.Connection, statement: str) -> None:
    """Start a transaction at SQLite's driver, by `BEGIN` or `BEGIN IMMEDIATE`. Raises OperationalError where the file is busy."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except connection.dialect.loaded_dbapi.Error as error:
        raise exc.OperationalError(statement, None, error) from error
