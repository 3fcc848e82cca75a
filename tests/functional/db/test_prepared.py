"""Prepared statements find, write and fail as those of SQLAlchemy do, on every database."""

from __future__ import annotations

import datetime
import itertools

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from common.db import Database
from common.db.prepared import LONGEST_LIST, Prepared, prepared
from common.db.records import records
from common.db.types import JSON, TIME
from tests.databases import database_url, servers  # noqa: F401

METADATA = sa.MetaData()
THINGS = sa.Table(
    'things',
    METADATA,
    sa.Column('id', sa.String(36), primary_key=True),
    sa.Column('name', sa.String(64)),
    sa.Column('size', sa.BigInteger),
    sa.Column('share', sa.Float),
    sa.Column('open', sa.Boolean),
    sa.Column('data', JSON),
    sa.Column('at', TIME),
)
STAMPED = sa.Table(
    'stamped', METADATA, sa.Column('id', sa.Integer, primary_key=True), sa.Column('kind', sa.String(8), default=lambda: 'made')
)
WIDE = sa.Table('wide', METADATA, sa.Column('id', sa.Integer, primary_key=True), *(sa.Column(f'c{i}', sa.Integer) for i in range(7)))
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
ROWS = [
    {'id': 'a', 'name': "50% o'f", 'size': 1 << 40, 'share': 0.25, 'open': True, 'data': {'x': [1, None, 'é']}, 'at': WHEN},
    {'id': 'b', 'name': ':b ? %s', 'size': None, 'share': None, 'open': False, 'data': None, 'at': None},
    {'id': 'c', 'name': None, 'size': 0, 'share': 2.0, 'open': None, 'data': [], 'at': WHEN},
]
INSERT = sa.insert(THINGS)
BY_ID = sa.select(THINGS).where(THINGS.c.id == sa.bindparam('b_id'))
AMONG = (
    sa.select(THINGS.c.id, THINGS.c.data.label('what'))
    .where(THINGS.c.id.in_(sa.bindparam('b_ids', expanding=True)), THINGS.c.id.in_(('a', 'b', 'c')), THINGS.c.id != 'z%')
    .order_by(THINGS.c.id)
)
UPDATE = sa.update(THINGS).where(THINGS.c.id == sa.bindparam('b_id'), THINGS.c.name.is_not(None))
DELETE = sa.delete(THINGS).where(THINGS.c.id.in_(sa.bindparam('b_ids', expanding=True)))
COUNT = sa.select(sa.func.count().label('number')).select_from(THINGS).where(THINGS.c.open.is_(True))


@pytest.fixture
def db(database_url):  # noqa: F811
    db = Database(database_url)
    METADATA.create_all(db.engine)
    yield db
    db.dispose()


@pytest.fixture
def filled(db):
    with db.write() as session:
        session.execute(prepared(INSERT), ROWS)
    return db


@pytest.fixture
def direct(monkeypatch):
    """Counts the statements that went straight to the driver."""
    seen = []
    from common.db import prepared as module

    execute = module._Compiled.execute

    def counted(self, *arguments, **named):
        seen.append(self)
        return execute(self, *arguments, **named)

    monkeypatch.setattr(module._Compiled, 'execute', counted)
    return seen


def test_rows_are_those_that_sqlalchemy_finds(filled, direct):
    by_id, among, count = prepared(BY_ID), prepared(AMONG), prepared(COUNT)
    with filled.read() as session:
        for row in ROWS:
            mine, theirs = session.execute(by_id, {'b_id': row['id']}).one(), session.execute(BY_ID, {'b_id': row['id']}).one()
            assert tuple(mine) == tuple(theirs) == tuple(row.values())
            assert dict(mine._mapping) == row
            assert (mine.name, mine.at) == (row['name'], row['at'])
        assert session.execute(by_id, {'b_id': 'x'}).first() is None
        for ids in (['c', 'a'], ['b'], [], ['a'] * (LONGEST_LIST + 1)):
            mine, theirs = session.execute(among, {'b_ids': ids}), session.execute(AMONG, {'b_ids': ids})
            assert [tuple(row) for row in mine.all()] == [tuple(row) for row in theirs.all()]
        assert [row.what for row in records(session.execute(among, {'b_ids': ['a', 'b']}))] == [ROWS[0]['data'], None]
        assert session.execute(count, {}).scalar_one() == session.execute(COUNT).scalar_one() == 1
        assert list(session.execute(among, {'b_ids': ['a', 'c']}).scalars()) == ['a', 'c']
    assert len(direct) == 4 + 2 + 1 + 1 + 1  # without an empty list and one that is too long


def test_rows_are_changed_and_counted(filled, direct):
    update, delete, by_id = prepared(UPDATE), prepared(DELETE), prepared(BY_ID)
    with filled.write() as session:
        assert session.execute(update, {'b_id': 'a', 'data': None, 'size': 7}).rowcount == 1
        assert session.execute(update, {'b_id': 'a', 'size': 7}).rowcount == 1  # found, though nothing changes
        assert session.execute(update, {'b_id': 'c', 'size': 7}).rowcount == 0
        assert session.execute(delete, {'b_ids': ['b', 'c', 'd']}).rowcount == 2
    assert len(direct) == 4
    with filled.read() as session:
        found = session.execute(by_id, {'b_id': 'a'}).one()
        assert (found.size, found.data, found.name) == (7, None, ROWS[0]['name'])
        assert session.execute(by_id, {'b_id': 'b'}).one_or_none() is None


def test_a_rule_that_is_broken_is_told_as_ever_and_nothing_is_kept(filled):
    insert = prepared(INSERT)
    with pytest.raises(exc.IntegrityError), filled.write() as session:
        session.execute(insert, {'id': 'new'})
        session.execute(insert, {'id': 'a'})
    with filled.write() as session:
        with pytest.raises(exc.IntegrityError), session.begin_nested():
            session.execute(insert, {'id': 'new'})
            session.execute(insert, {'id': 'a'})
        session.execute(insert, {'id': 'other'})
    with filled.read() as session:
        among = session.execute(prepared(sa.select(THINGS.c.id).order_by(THINGS.c.id)), {})
        assert list(among.scalars()) == ['a', 'b', 'c', 'other']


def test_defaults_that_python_makes_are_made(db, direct):
    insert = prepared(sa.insert(STAMPED))
    with db.write() as session:
        session.execute(insert, {'id': 1})
        assert session.execute(sa.select(STAMPED.c.kind)).scalar() == 'made'
    assert not direct


def test_no_more_is_kept_than_a_bounded_number_of_shapes(db):
    update = Prepared(sa.update(WIDE).where(WIDE.c.id == sa.bindparam('b_id')))
    names = [f'c{i}' for i in range(7)]
    shapes = list(itertools.chain.from_iterable(itertools.combinations(names, size) for size in range(1, len(names) + 1)))
    with db.write() as session:
        session.execute(sa.insert(WIDE).values(id=1))
        for number, chosen in enumerate(shapes):
            assert session.execute(update, dict.fromkeys(chosen, number) | {'b_id': 1}).rowcount == 1, number
            assert {getattr(session.execute(sa.select(WIDE)).one(), name) for name in chosen} == {number}
    assert len(shapes) == 127 and len(update._compiled) == 64


def test_no_more_is_kept_than_a_bounded_number_of_lengths(filled):
    among = Prepared(AMONG)
    with filled.read() as session:
        for length in range(1, 130):
            found = list(session.execute(among, {'b_ids': ['b', *['x'] * (length - 1)]}).scalars())
            assert found == ['b'], length
    [compiled] = among._compiled.values()
    assert len(compiled._texts) == 64


def test_a_column_that_there_is_not_is_a_defect(filled):
    with pytest.raises(TypeError, match='no place for colour'), filled.write() as session:
        session.execute(prepared(UPDATE), {'b_id': 'a', 'colour': 'red'})


def test_a_missing_value_is_a_defect(filled):
    with pytest.raises(KeyError, match='b_id'), filled.read() as session:
        session.execute(Prepared(BY_ID), {'b_other': 'a'})
