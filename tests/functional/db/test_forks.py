"""A parent that has made its databases' engines, and its children."""

from __future__ import annotations

import concurrent.futures
import os
import threading

import pytest
import sqlalchemy as sa

from common.db import Database
from tests.databases import database_url, servers  # noqa: F401


@pytest.fixture
def db(database_url):  # noqa: F811
    db = Database(database_url)
    with db.engine.begin() as connection:
        connection.execute(sa.text('CREATE TABLE notes (n INTEGER)'))
    yield db
    db.dispose()


def in_a_child(function):
    """The child's exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def note(db, n):
    with db.write() as session:
        session.execute(sa.text('INSERT INTO notes VALUES (:n)'), {'n': n})


def notes(db):
    with db.read() as session:
        return sorted(session.scalars(sa.text('SELECT n FROM notes')))


@pytest.mark.parametrize('before', ['nothing', 'known', 'in use'])
def test_parent_and_child_share_no_connection(db, before):
    db.dispose()
    if before == 'known':
        db.get_to_know()
    if before == 'in use':
        note(db, 0)
        assert notes(db) == [0]

    def child():
        note(db, 1)
        assert 1 in notes(db)

    assert in_a_child(child) == 0
    note(db, 2)
    assert notes(db)[-2:] == [1, 2]


def test_a_database_that_is_away_can_be_got_to_know_later(caplog):
    Database('mysql+pymysql://nobody:secret@127.0.0.1:1/none').get_to_know()
    assert 'cannot be looked at yet' in caplog.text
    assert 'secret' not in caplog.text


def test_a_folder_that_somebody_makes_at_the_same_moment_is_there(tmp_path):
    """A supervisor builds its services while a child brings their databases up to date."""
    together = threading.Barrier(4)

    def make(number):
        together.wait(60)
        db = Database(f'sqlite:///{tmp_path}/{number}/db/notes.sqlite')
        db.ping()
        db.dispose()

    for number in range(20):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(make, [number] * 4))
        assert (tmp_path / f'{number}' / 'db' / 'notes.sqlite').exists()
