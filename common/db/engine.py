"""One database of one service: its engine, and the two ways to a session.

SQLite runs in WAL mode with one writer at a time. Writers of this process queue on a lock in memory, so that they never
spin in SQLite's busy handler; writers of other processes are waited for by SQLite itself. Readers never wait.
MariaDB and PostgreSQL run in READ COMMITTED with pools of connections (one for readers) that are probed after a pause.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pathlib
import random
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from common import clock
from common.db.session import run_after_commit
from common.db.transactions import Kept, KeptReaders, Reading, Writing, begin
from common.errors import Unavailable

T = TypeVar('T')
LOG = logging.getLogger(__name__)

LOCK_WAIT = 30.0
"""Seconds that a writer waits for its turn before it gives up."""
IDLE_BEFORE_PROBE = 2.0
"""Seconds after which a pooled connection to a server is probed before it is used."""
_PRAGMAS = ('journal_mode=WAL', 'synchronous=NORMAL', 'foreign_keys=ON', 'temp_store=MEMORY', f'busy_timeout={int(LOCK_WAIT * 1000)}')
_MOST_READERS = 8
_RETRY_CODES = {1205, 1213, 1020}
_RETRY_STATES = {'40001', '40P01', '55P03'}
_TO_JSON = json.JSONEncoder(separators=(',', ':'), ensure_ascii=False).encode
_RAW_DECODE = json.JSONDecoder().raw_decode


def _from_json(text: str) -> Any:
    """What a column holds. Databases keep no blanks around it, and looking for them would take half of the time."""
    return _RAW_DECODE(text)[0]


_file_locks: dict[str, threading.Lock] = {}
_file_locks_guard = threading.Lock()
_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _file_lock(path: str) -> threading.Lock:
    with _file_locks_guard:
        return _file_locks.setdefault(path, threading.Lock())


def _after_fork() -> None:
    """A child shares no connection with its parent and inherits no held lock."""
    global _file_locks_guard
    _file_locks_guard = threading.Lock()
    _file_locks.clear()
    for database in list(_databases):
        database.forget_connections()


os.register_at_fork(after_in_child=_after_fork)


class Busy(Unavailable):
    """The database gave a transaction up (a deadlock, a lock waited for too long): the same one may succeed when run again."""

    default_message = 'The database is busy. Try again.'


class Database:
    """The engine of one database, and its transactions.

    `url` is an SQLAlchemy URL: `sqlite:////path/file.sqlite`, `mysql+pymysql://user:password@host/name` (`mariadb+pymysql` as well),
    `postgresql+psycopg2://...`. `sqlite://` without a path is a private file that goes away with `dispose` or the process.
    """

    def __init__(self, url: str, *, pool_size: int = 10, overflow: int = 40) -> None:
        self.url = make_url(url)
        self._private: str | None = None
        if self.url.get_backend_name() == 'sqlite' and self.url.database in (None, '', ':memory:'):
            self._private = tempfile.mkdtemp(prefix='pileus-db-')
            weakref.finalize(self, _remove_private, self._private, os.getpid())
            self.url = self.url.set(database=str(pathlib.Path(self._private) / 'private.sqlite'))
        self.dialect = _dialect_name(self.url)
        self._writing = threading.local()
        self.before_commit: list[Callable[[Session], Any]] = []
        """Called in every write transaction after the last flush; what they raise rolls it back."""
        if self.dialect == 'sqlite':
            self._make_sqlite_engines()
        else:
            self._lock: threading.Lock | None = None
            self._writer = _server_engine(self.url, pool_size, overflow, 'READ COMMITTED')
            self._reader = _server_engine(self.url, pool_size, overflow, 'AUTOCOMMIT')
            # Here the pools keep connections, since they probe what they hand out.
            self._writers, self._readers = Kept(self._writer, 0), Kept(self._reader, 0)
        _databases.add(self)

    def _make_sqlite_engines(self) -> None:
        path = pathlib.Path(self.url.database or '')
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)  # parent and child of a supervisor come here at the same moment
        self._path = str(path.resolve())
        self._lock = _file_lock(self._path)
        self._writer = _sqlite_engine(self.url, 'BEGIN IMMEDIATE')
        self._reader = _sqlite_engine(self.url, None)
        self._writers = Kept(self._writer, 1)
        self._readers = KeptReaders(self._reader, _MOST_READERS)

    def __repr__(self) -> str:
        return f'<Database {self.url.render_as_string(hide_password=True)}>'

    @property
    def engine(self) -> Engine:
        """The engine that writes, for migrations and tests; services use `read` and `write`."""
        return self._writer

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading, rolled back at the end. It sees one consistent state on SQLite."""
        with _outages():
            connection = self._readers.take()
            try:
                session = Reading(connection)
                try:
                    yield session
                finally:
                    session.close()
            finally:
                self._readers.give_back(connection)

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises Busy where the database gave it up. Functions given to `after_commit(session, fn)` run after the commit. A write inside
        a write of the same thread is a defect and raises RuntimeError, since it would wait for itself.
        """
        with _outages(), self._turn():
            connection = self._writers.take()
            try:
                transaction = connection.begin()
                session = Writing(connection)
                try:
                    yield session
                    session.flush()
                    for check in self.before_commit:
                        check(session)
                    session.flush()
                    transaction.commit()
                finally:
                    session.close()
                    transaction.close()
            finally:
                self._writers.give_back(connection)
        run_after_commit(session)

    def transaction(self, fn: Callable[..., T], *args: Any, attempts: int = 6, **kwargs: Any) -> T:
        """`fn(session, *args)` in a write transaction, run again (with a growing pause) on a deadlock or a busy database.

        `fn` may run more than once, so it must change nothing but the session. Raises Unavailable if it never works.
        """
        for attempt in range(1, attempts + 1):
            try:
                with self.write() as session:
                    return fn(session, *args, **kwargs)
            except Busy:
                if attempt == attempts:
                    raise
                clock.sleep(random.uniform(0.5, 1.0) * min(0.02 * 2**attempt, 1.0))
        raise AssertionError('unreachable')

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if getattr(self._writing, 'held', False):
            raise RuntimeError('a write transaction was opened inside another one of the same thread')
        if self._lock is not None and not self._lock.acquire(timeout=LOCK_WAIT):
            raise Unavailable('The database is busy. Try again.', admin_detail=f'no turn to write {self!r} within {LOCK_WAIT:.0f} s')
        self._writing.held = True
        try:
            yield
        finally:
            self._writing.held = False
            if self._lock is not None:
                self._lock.release()

    def ping(self) -> None:
        """One trivial query; raises Unavailable if the database does not answer."""
        with self.read() as session:
            session.execute(sa.text('SELECT 1'))

    def get_to_know(self) -> None:
        """Before a fork: connect once to each engine's server and hang up, so that what is learnt about it is shared by all children.

        A server that does not answer now is learnt about by each of them.
        """
        if self.dialect == 'sqlite':
            return
        try:
            self.ping()
            with self.write() as session:
                session.execute(sa.text('SELECT 1'))
        except (Unavailable, exc.DBAPIError) as error:
            LOG.warning('%r cannot be looked at yet: %s', self, getattr(error, 'admin_detail', error))
        self.dispose()

    def forget_connections(self) -> None:
        """For a child process after a fork: drop the pools without closing what the parent still uses."""
        self._writing = threading.local()
        if self._lock is not None:
            self._lock = _file_lock(self._path)
        for kept, engine in ((self._writers, self._writer), (self._readers, self._reader)):
            kept.inherit()
            if not _is_unused(engine):  # making a pool anew would cost each child the memory of a copy
                engine.dispose(close=False)

    def dispose(self) -> None:
        """Close all idle connections; remove a private file."""
        for kept, engine in ((self._writers, self._writer), (self._readers, self._reader)):
            kept.close()
            engine.dispose()
        if self._private is not None:
            _remove_private(self._private, os.getpid())
            self._private = None


def _is_unused(engine: Engine) -> bool:
    """Whether its pool holds no connection, in use or idle, nor opens one now: it counts up from minus its size as it opens them."""
    pool = engine.pool
    return isinstance(pool, QueuePool) and pool.overflow() == -pool.size()


def _remove_private(folder: str, made_by: int) -> None:
    if os.getpid() == made_by:  # not in a forked child
        shutil.rmtree(folder, ignore_errors=True)


def is_retryable(error: exc.DBAPIError) -> bool:
    """Whether the same transaction may succeed when run again: deadlock, lock timeout, busy, serialization failure."""
    original = error.orig
    if getattr(original, 'pgcode', None) in _RETRY_STATES:
        return True
    arguments = getattr(original, 'args', ())
    if arguments and arguments[0] in _RETRY_CODES:
        return True
    return 'database is locked' in str(original)


def is_outage(error: exc.DBAPIError) -> bool:
    """Whether the database server went away or cannot be reached."""
    if error.connection_invalidated:
        return True
    arguments = getattr(error.orig, 'args', ())
    code = arguments[0] if arguments else None
    if code in {2002, 2003, 2006, 2013, 1053, 1927, 1040}:
        return True
    state = getattr(error.orig, 'pgcode', None)
    if state is not None:
        return str(state)[:2] in {'08', '57'}
    return isinstance(error, exc.OperationalError) and 'onnection' in str(error.orig)


@contextlib.contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        if is_outage(error):
            raise Unavailable('The database does not answer now. Try again.', admin_detail=str(error.orig)[:500]) from error
        if is_retryable(error):
            raise Busy(admin_detail=str(error.orig)[:500]) from error
        raise
    except exc.TimeoutError as error:
        raise Unavailable('The database is busy. Try again.', admin_detail=str(error)[:500]) from error


def _dialect_name(url: URL) -> str:
    name = url.get_backend_name()
    return 'mysql' if name == 'mariadb' else name


def _sqlite_engine(url: URL, start: str | None) -> Engine:
    """An engine for a file. `start`: the statement that begins a transaction; None: whoever takes a connection sees to it."""
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        pool_use_lifo=True,
        pool_timeout=LOCK_WAIT,
        connect_args={'check_same_thread': False, 'timeout': LOCK_WAIT},
        json_serializer=_TO_JSON,
        json_deserializer=_from_json,
    )

    @event.listens_for(engine, 'connect')
    def connect(connection: Any, record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            _set_pragma(cursor, pragma)
        cursor.close()

    if start is not None:
        event.listen(engine, 'begin', lambda connection: begin(connection, start))
    return engine


def _set_pragma(cursor: Any, pragma: str) -> None:
    """Set it, for up to LOCK_WAIT seconds: SQLite does not wait by itself while another process changes the journal mode of a new file."""
    end = clock.monotonic() + LOCK_WAIT
    while True:
        try:
            cursor.execute(f'PRAGMA {pragma}')
            return
        except sqlite3.OperationalError as error:
            if 'locked' not in str(error) or clock.monotonic() > end:
                raise
            clock.sleep(0.01)


def _server_engine(url: URL, pool_size: int, overflow: int, isolation: str) -> Engine:
    """An engine for a database server. Readers commit by themselves: at READ COMMITTED that sees the same, and saves two round trips.

    Sessions end their transactions themselves, so the pool need not roll back once more when it takes a connection back.
    """
    arguments: dict[str, Any] = {'connect_timeout': 5}
    if url.get_backend_name() in ('mysql', 'mariadb'):
        url = url.update_query_dict({'charset': 'utf8mb4'})
        arguments |= {'read_timeout': 60, 'write_timeout': 60}
    engine = sa.create_engine(
        url,
        isolation_level=isolation,
        pool_reset_on_return=None,
        skip_autocommit_rollback=isolation == 'AUTOCOMMIT',
        pool_size=pool_size,
        max_overflow=overflow,
        pool_timeout=LOCK_WAIT,
        pool_recycle=1800,
        pool_use_lifo=True,
        connect_args=arguments,
        json_serializer=_TO_JSON,
        json_deserializer=_from_json,
    )

    @event.listens_for(engine, 'checkin')
    def checkin(connection: Any, record: Any) -> None:
        record.info['idle_since'] = clock.monotonic()

    @event.listens_for(engine, 'checkout')
    def checkout(connection: Any, record: Any, proxy: Any) -> None:
        since = record.info.get('idle_since')
        if since is not None and clock.monotonic() - since > IDLE_BEFORE_PROBE and not _alive(engine, connection):
            raise exc.DisconnectionError('the pooled connection is dead')

    return engine


def _alive(engine: Engine, connection: Any) -> bool:
    try:
        return bool(engine.dialect.do_ping(connection))
    except engine.dialect.dbapi.Error:  # type: ignore[union-attr]
        return False
