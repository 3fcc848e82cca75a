"""Rows of lists as named tuples, and JSON columns."""

from __future__ import annotations

import sqlalchemy as sa

from common.db import Database
from common.db.records import records
from common.db.types import JSON


def test_records_have_an_attribute_for_each_column() -> None:
    db = Database('sqlite://')
    with db.read() as session:
        found = records(session.execute(sa.text("SELECT 1 AS id, 'a' AS name UNION SELECT 2, 'b' ORDER BY id")))
    assert [(one.id, one.name) for one in found] == [(1, 'a'), (2, 'b')]


def test_json_columns_give_back_what_was_written() -> None:
    db = Database('sqlite://')
    table = sa.Table('things', sa.MetaData(), sa.Column('id', sa.Integer, primary_key=True), sa.Column('value', JSON))
    table.metadata.create_all(db.engine)
    written = [{'a': [1, None, 'ü "x"']}, [], {}, 'text', 7, 1.5, True, {'large': 10**30}]
    with db.write() as session:
        session.execute(sa.insert(table), [{'id': number, 'value': value} for number, value in enumerate(written)])
    with db.read() as session:
        assert [row.value for row in session.execute(sa.select(table).order_by(table.c.id))] == written
