"""Private MariaDB and PostgreSQL servers for tests: in a folder of their own, on a socket or a free loopback port, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator

import sqlalchemy as sa

from tests.ports import free_port

DATABASES = ('sqlite', 'mysql', 'postgresql')
_POSTGRES_FOLDERS = ('/usr/lib/postgresql/17/bin', '/usr/lib/postgresql/16/bin', '/usr/lib/postgresql/15/bin')


def missing(kind: str) -> str | None:
    """Why this kind of server cannot be started here; None if it can."""
    if kind == 'mysql' and not (shutil.which('mariadbd') and shutil.which('mariadb-install-db')):
        return 'MariaDB is not installed (apt-get install mariadb-server)'
    if kind == 'postgresql' and _postgres('postgres') is None:
        return 'PostgreSQL is not installed (apt-get install postgresql)'
    return None


def _postgres(name: str) -> str | None:
    found = shutil.which(name, path=os.pathsep.join([*_POSTGRES_FOLDERS, os.environ.get('PATH', '')]))
    return str(pathlib.Path(found).resolve()) if found else None


def _as(user: str) -> dict[str, object]:
    """Keyword arguments that make a child run as this user, where we are root (no database server runs as root)."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}


def _owned(folder: str, user: str) -> None:
    if os.getuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


class PrivateServer:
    """A database server in a folder of its own. `url`: as its administrator."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.folder = tempfile.mkdtemp(prefix=f'pileus-{kind}-')
        self._process: subprocess.Popen[bytes] | None = None
        self._user = 'mysql' if kind == 'mysql' else 'postgres'
        _owned(self.folder, self._user)
        self._command, self.url = _mariadb(self.folder) if kind == 'mysql' else _postgresql(self.folder)

    def start(self) -> None:
        """Start it and wait until it answers."""
        quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, **quiet, **_as(self._user))  # type: ignore[call-overload]
        _wait(self.url, self._process)

    def kill(self) -> None:
        """`kill -9`; what was committed is there after the next start."""
        self._end(signal.SIGKILL)
        for stale in ('data/postmaster.pid',):
            pathlib.Path(self.folder, stale).unlink(missing_ok=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self._end(signal.SIGTERM if self.kind == 'mysql' else signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def server(kind: str) -> Iterator[str]:
    """A running server; gives the URL of its administrator, for `fresh_database`."""
    one = PrivateServer(kind)
    try:
        one.start()
        yield one.url
    finally:
        one.remove()


def _mariadb(folder: str) -> tuple[list[str], str]:
    data = f'{folder}/data'
    # A mariadbd that starts removes temporary tables from its temporary folder, those of the servers of other tests too.
    common = ['--no-defaults', f'--tmpdir={folder}', f'--datadir={data}']
    install = ['mariadb-install-db', *common, '--auth-root-authentication-method=normal', '--skip-test-db']
    done = subprocess.run(install, capture_output=True, text=True, **_as('mysql'))  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout[:3000] + done.stderr[:3000]
    run = [
        'mariadbd',
        *common,
        f'--socket={folder}/socket',
        f'--port={free_port()}',
        '--bind-address=127.0.0.1',
    ]
    run += [f'--pid-file={folder}/pid', '--innodb-buffer-pool-size=64M', '--innodb-flush-log-at-trx-commit=2', '--skip-name-resolve']
    return run, f'mysql+pymysql://root@localhost/mysql?unix_socket={folder}/socket'


def _postgresql(folder: str) -> tuple[list[str], str]:
    data = f'{folder}/data'
    init = [str(_postgres('initdb')), '-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C']
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as('postgres'))  # type: ignore[call-overload]
    port = free_port()
    run = [str(_postgres('postgres')), '-D', data, '-k', folder, '-h', '', '-p', str(port), '-F', '-c', 'max_connections=200']
    return run, f'postgresql+psycopg2://postgres@/postgres?host={folder}&port={port}'


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    end = time.monotonic() + 60
    while True:
        try:
            with engine.connect():
                return
        except sa.exc.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


def fresh_database(admin_url: str) -> str:
    """The URL of a new empty database on the server."""
    name = f'pileus_{uuid.uuid4().hex[:12]}'
    engine = sa.create_engine(admin_url, poolclass=sa.pool.NullPool, isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE {name}'))
    return sa.make_url(admin_url).set(database=name).render_as_string(hide_password=False)


def drop_database(admin_url: str, url: str) -> None:
    """Remove a database of `fresh_database`."""
    engine = sa.create_engine(admin_url, poolclass=sa.pool.NullPool, isolation_level='AUTOCOMMIT')
    force = ' WITH (FORCE)' if admin_url.startswith('postgresql') else ''
    with engine.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE IF EXISTS {sa.make_url(url).database}{force}'))
