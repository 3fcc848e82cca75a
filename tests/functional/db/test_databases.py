"""The database layer on SQLite, MariaDB and PostgreSQL alike."""

from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Database, after_commit, declarative_base_for, duplicate_as, migrate, one_or_404, paging
from common.db.quotas import quota_tables
from common.db.types import BigKey, LongText, UuidKey, WithTimes
from common.errors import Conflict, InvalidInput, NotFound, OverQuota, Unavailable
from common.quota import Quotas
from tests.databases import database_url, servers  # noqa: F401

Base = declarative_base_for('test')


class Thing(WithTimes, Base):
    __tablename__ = 'things'
    id: Mapped[UuidKey]
    name: Mapped[str] = mapped_column(unique=True)
    rank: Mapped[int | None]
    project_id: Mapped[str | None]
    data: Mapped[dict[str, Any] | None]
    text: Mapped[LongText | None]


class Line(Base):
    __tablename__ = 'lines'
    id: Mapped[BigKey]
    n: Mapped[int]


QUOTAS = quota_tables(Base.metadata)


@pytest.fixture
def db(database_url):  # noqa: F811
    db = Database(database_url)
    with db.engine.begin() as connection:
        if db.dialect == 'mysql':
            migrate.use_bytewise_text(connection)
        Base.metadata.create_all(connection)
    yield db
    db.dispose()


def names(db):
    with db.read() as session:
        return sorted(session.scalars(sa.select(Thing.name)))


def test_what_is_written_is_read(db):
    when = datetime.datetime(2026, 1, 31, 12, 30, 1, 123456)
    with db.write() as session:
        session.add(Thing(id='a', name='ä€🎉', data={'list': [1, {'x': None}], 'ü': 'ß'}, text='x' * 200_000, created_at=when))
        session.add(Thing(id='b', name='empty', data=None))
    with db.read() as session:
        thing = one_or_404(session, Thing, 'a', 'thing')
        assert (thing.name, thing.data, len(thing.text), thing.created_at) == ('ä€🎉', {'list': [1, {'x': None}], 'ü': 'ß'}, 200_000, when)
        assert one_or_404(session, Thing, 'b', 'thing').data is None
        with pytest.raises(NotFound, match='Thing c could not be found'):
            one_or_404(session, Thing, 'c', 'thing')


def test_a_transaction_is_all_or_nothing_and_tells_only_after_the_commit(db):
    told = []
    with pytest.raises(Conflict), db.write() as session:
        after_commit(session, lambda: told.append('never'))
        session.add(Thing(name='gone'))
        session.flush()
        raise Conflict('no')
    assert (names(db), told) == ([], [])
    with db.write() as session:
        session.add(Thing(name='stays'))
        after_commit(session, lambda: told.append(names(db)))
        after_commit(session, lambda: 1 / 0)
        after_commit(session, lambda: told.append('last'))
    assert told == [['stays'], 'last']


def test_a_duplicate_becomes_the_error_of_the_service_and_the_transaction_goes_on(db):
    with db.write() as session:
        session.add(Thing(name='one'))
        session.flush()
        with pytest.raises(Conflict, match='taken'), duplicate_as(session, Conflict('The name is taken.')):
            session.add(Thing(name='one'))
        session.add(Thing(name='two'))
    assert names(db) == ['one', 'two']


def test_text_is_compared_byte_by_byte(db):
    with db.write() as session:
        session.add_all([Thing(name='web'), Thing(name='Web'), Thing(name='web ')])
    assert len(names(db)) == 3


def test_a_write_inside_a_write_is_a_defect(db):
    with db.write(), pytest.raises(RuntimeError, match='inside another'), db.write():
        pass


def test_a_reader_does_not_wait_for_a_writer(db):
    with db.write() as session:
        session.add(Thing(name='half'))
        session.flush()
        assert names(db) == []
    assert names(db) == ['half']


def test_many_threads_write(db):
    def work(number):
        for index in range(20):
            with db.write() as session:
                session.add(Line(n=number * 100 + index))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Line)) == 160


def test_a_deadlock_is_run_again(db):
    if db.dialect == 'sqlite':
        pytest.skip('SQLite has one writer at a time: there are no deadlocks')
    with db.write() as session:
        session.add_all([Thing(id='a', name='a', rank=0), Thing(id='b', name='b', rank=0)])
    barrier = threading.Barrier(2, timeout=60)
    runs = []

    def cross(session, first, second):
        runs.append(first)
        session.execute(sa.update(Thing).where(Thing.id == first).values(rank=Thing.rank + 1))
        if len(runs) <= 2:
            barrier.wait()
        session.execute(sa.update(Thing).where(Thing.id == second).values(rank=Thing.rank + 1))

    threads = [threading.Thread(target=db.transaction, args=(cross, *pair)) for pair in (('a', 'b'), ('b', 'a'))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with db.read() as session:
        assert session.scalars(sa.select(Thing.rank)).all() == [2, 2]
    assert len(runs) > 2


def test_whoever_does_not_run_it_again_hears_that_the_database_is_busy(db):
    if db.dialect == 'sqlite':
        pytest.skip('SQLite has one writer at a time: there are no deadlocks')
    with db.write() as session:
        session.add_all([Thing(id='a', name='a', rank=0), Thing(id='b', name='b', rank=0)])
    barrier = threading.Barrier(2, timeout=60)
    told = []

    def cross(first, second):
        try:
            with db.write() as session:
                session.execute(sa.update(Thing).where(Thing.id == first).values(rank=Thing.rank + 1))
                barrier.wait()
                session.execute(sa.update(Thing).where(Thing.id == second).values(rank=Thing.rank + 1))
        except Unavailable as error:
            told.append(error.message)

    threads = [threading.Thread(target=cross, args=pair) for pair in (('a', 'b'), ('b', 'a'))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert told == ['The database is busy. Try again.']
    with db.read() as session:
        assert session.scalars(sa.select(Thing.rank)).all() == [1, 1]


def test_a_database_that_cannot_be_reached_is_said_to_be_unavailable():
    for url in ('mysql+pymysql://root@127.0.0.1:1/x', 'postgresql+psycopg2://x@127.0.0.1:1/x'):
        db = Database(url)
        with pytest.raises(Unavailable):
            db.ping()
        db.dispose()


class Page:
    def __init__(self, limit=None, marker=None, sort=(), reverse=False):
        self.limit, self.marker, self.sort, self.reverse = limit, marker, sort, reverse


COLUMNS = {'id': Thing.id, 'name': Thing.name, 'rank': Thing.rank}


@pytest.mark.parametrize(
    'sort', [[], [('rank', 'asc')], [('rank', 'desc')], [('rank', 'desc'), ('name', 'asc')], [('name', 'desc'), ('id', 'asc')]]
)
def test_pages_show_everything_once_in_a_total_order(db, sort):
    with db.write() as session:
        session.add_all([Thing(id=f'{i:02}', name=f'n{i % 7}-{i}', rank=None if i % 3 == 0 else i % 4) for i in range(25)])
    with db.read() as session:
        seen, marker = [], None
        while True:
            page = Page(4, marker, sort)
            found = session.scalars(paging.apply(sa.select(Thing), page, COLUMNS, lambda id_: session.get(Thing, id_))).all()
            seen += found
            if len(found) < 4:
                break
            marker = found[-1].id
        everything = session.scalars(paging.apply(sa.select(Thing), Page(sort=sort), COLUMNS)).all()
        back = session.scalars(paging.apply(sa.select(Thing), Page(sort=sort, reverse=True), COLUMNS)).all()
    assert [thing.id for thing in seen] == [thing.id for thing in everything]
    assert len({thing.id for thing in seen}) == 25
    assert [thing.id for thing in back] == [thing.id for thing in everything][::-1]
    if sort and sort[0][0] == 'rank':
        keys = [(thing.rank is not None, thing.rank or 0) for thing in seen]
        assert keys == sorted(keys, reverse=sort[0][1] == 'desc')


def test_pages_refuse_what_makes_no_sense(db):
    with db.read() as session:
        for page in (Page(sort=[('colour', 'asc')]), Page(sort=[('name', 'up')]), Page(marker='x')):
            with pytest.raises(InvalidInput):
                paging.apply(sa.select(Thing), page, COLUMNS, lambda id_: session.get(Thing, id_))  # noqa: B023


def quotas():
    def usage(session, project):
        return {'things': session.scalar(sa.select(sa.func.count()).select_from(Thing).where(Thing.project_id == project))}

    return Quotas(QUOTAS, {'things': 5}, usage)


def test_a_quota_holds_however_many_race(db):
    limits, refused = quotas(), []

    def make(session, number):
        limits.reserve(session, 'p', {'things': 1})
        session.add(Thing(name=f't{number}', project_id='p'))

    def work(number):
        try:
            db.transaction(make, number)
        except OverQuota as error:
            refused.append(error.details)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(db)) == 5
    assert refused == [{'resource': 'things', 'limit': 5, 'used': 5, 'wanted': 1}] * 7


def test_limits_of_a_project(db):
    limits = quotas()
    with db.write() as session:
        session.add_all([Thing(name=f't{i}', project_id='p') for i in range(3)])
        limits.set_limits(session, 'p', {'things': 4})
        assert limits.usages(session, 'p') == {'things': (3, 4)}
        with pytest.raises(InvalidInput, match='3 are in use'):
            limits.set_limits(session, 'p', {'things': 2}, force=False)
        with pytest.raises(InvalidInput, match='no quota for cars'):
            limits.set_limits(session, 'p', {'cars': 2})
        limits.set_limits(session, 'p', {'things': -1})
        limits.reserve(session, 'p', {'things': 1000})
        limits.reset(session, 'p')
        with pytest.raises(OverQuota):
            limits.reserve(session, 'p', {'things': 3})
