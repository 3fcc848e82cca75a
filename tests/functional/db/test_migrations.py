"""Migrations: every service's scripts make what its models say, on every database, from nothing and step by step."""

from __future__ import annotations

import multiprocessing
import os
import sys

import pytest
import sqlalchemy as sa

from common.db import Database, migrate
from common.errors import Conflict, InvalidInput
from tests.databases import database_url, servers  # noqa: F401

PACKAGES = [f'{service}.db' for service in ('identity', 'compute', 'image', 'volume', 'network', 'scheduler')]

MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from common.db import declarative_base_for
from common.db.types import JSON, UuidKey
Base = declarative_base_for('demo')
class Thing(Base):
    __tablename__ = 'things'
    id: Mapped[UuidKey]
    name: Mapped[str] = mapped_column(unique=True)
"""
MORE = """    rank: Mapped[int | None] = mapped_column(index=True)
    data: Mapped[dict] = mapped_column(JSON, nullable=True)
class Other(Base):
    __tablename__ = 'others'
    id: Mapped[UuidKey]
    thing: Mapped[str] = mapped_column(sa.String(36), sa.ForeignKey('things.id'))
"""


@pytest.mark.parametrize('package', PACKAGES)
def test_the_scripts_make_what_the_models_say(package, database_url):  # noqa: F811
    db = Database(database_url)
    ran = migrate.sync(db, package)
    assert ran == [revision.id for revision in migrate.revisions(package)]
    assert migrate.sync(db, package) == []
    assert migrate.check(db, package) == []
    assert [str(one) for one in migrate.differences(db, package)] == []
    db.dispose()


@pytest.mark.parametrize('package', PACKAGES)
def test_an_empty_database_is_made_from_the_models_at_once(package, database_url):  # noqa: F811
    made, grown = Database(database_url), Database('sqlite://')
    ran = migrate.make(made, package)
    assert ran == [revision.id for revision in migrate.revisions(package)]
    assert migrate.make(made, package) == []
    assert migrate.check(made, package) == []
    assert [str(one) for one in migrate.differences(made, package)] == []
    if made.dialect == 'sqlite':
        migrate.sync(grown, package)
        assert _shape(made) == _shape(grown)
    made.dispose()
    grown.dispose()


def _shape(db):
    """Columns, keys and indexes of each table, as the database tells them."""
    found = {}
    inspector = sa.inspect(db.engine)
    for table in inspector.get_table_names():
        columns = {column['name']: (str(column['type']), column['nullable'], column['default']) for column in inspector.get_columns(table)}
        indexes = sorted((one['name'], one['column_names'], one['unique']) for one in inspector.get_indexes(table))
        keys = sorted((one['constrained_columns'], one['referred_table'], one['options']) for one in inspector.get_foreign_keys(table))
        unique = sorted((one['name'], one['column_names']) for one in inspector.get_unique_constraints(table))
        found[table] = columns, indexes, keys, unique, inspector.get_pk_constraint(table)['constrained_columns']
    return found


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """A service `demo` whose models can be changed."""
    folder = tmp_path / 'demo' / 'db'
    folder.mkdir(parents=True)
    for made in (folder, folder.parent):
        (made / '__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)

    def models(text):
        (folder / 'models.py').write_text(text)
        for name in [name for name in sys.modules if name == 'demo' or name.startswith('demo.')]:
            del sys.modules[name]

    models(MODELS)
    yield models
    models('')


def test_scripts_are_written_from_the_models(demo, database_url):  # noqa: F811
    first = migrate.new('demo.db', 'first tables')
    assert first.name == '0001_first_tables.py'
    assert migrate.new('demo.db', 'nothing new') is None
    db = Database(database_url)
    assert migrate.sync(db, 'demo.db') == ['0001']
    demo(MODELS + MORE)
    assert 'things' in str(migrate.differences(db, 'demo.db'))
    assert migrate.new('demo.db', 'Ranks & others').name == '0002_ranks_others.py'
    assert migrate.check(db, 'demo.db') == ['The database of demo.db is at version 0001, this release needs 0002; run `db sync`.']
    assert migrate.sync(db, 'demo.db') == ['0002']
    assert migrate.differences(db, 'demo.db') == []
    assert migrate.sync(db, 'demo.db', '0001') == ['0002']
    assert migrate.version(db) == '0001'
    assert migrate.sync(db, 'demo.db') == ['0002']
    assert migrate.sync(db, 'demo.db', 'base') == ['0002', '0001']
    assert migrate.version(db) is None
    with db.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ['alembic_version']
    with pytest.raises(InvalidInput, match='has no version 9'):
        migrate.sync(db, 'demo.db', '9')
    db.dispose()


def test_a_sync_that_dies_can_be_repeated(demo, database_url):  # noqa: F811
    path = migrate.new('demo.db', 'first tables')
    demo(MODELS + MORE)
    good = path.read_text()
    path.write_text(good.replace('\n\n\ndef downgrade', '\n    raise RuntimeError("power failure")\n\n\ndef downgrade'))
    db = Database(database_url)
    with pytest.raises(RuntimeError, match='power failure'):
        migrate.sync(db, 'demo.db')
    assert migrate.version(db) is None
    path.write_text(good)
    assert migrate.sync(db, 'demo.db') == ['0001']
    db.dispose()


def test_a_newer_database_is_left_alone(demo, database_url):  # noqa: F811
    migrate.new('demo.db', 'first tables')
    db = Database(database_url)
    migrate.sync(db, 'demo.db')
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0007'"))
    with pytest.raises(Conflict, match='does not know; use the newer release'):
        migrate.sync(db, 'demo.db')
    assert 'newer release' in migrate.check(db, 'demo.db')[0]
    db.dispose()


def _sync(url, start, out):
    start.wait(60)
    db = Database(url)
    out.put(migrate.sync(db, 'scheduler.db'))
    db.dispose()
    out.close()
    out.join_thread()
    os._exit(0)


def test_two_syncs_at_once_do_it_once(database_url):  # noqa: F811
    context = multiprocessing.get_context('fork')
    out, start = context.Queue(), context.Barrier(3)
    children = [context.Process(target=_sync, args=(database_url, start, out)) for _ in range(3)]
    for child in children:
        child.start()
    results = sorted(out.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
    assert results == [[], [], ['0001']]


def test_the_command_line(demo, tmp_path, capsys):
    url = f'sqlite:///{tmp_path}/x.sqlite'
    assert migrate.main(['new', 'demo.db', 'first tables']) == 0
    assert '0001_first_tables.py' in capsys.readouterr().out
    assert migrate.main(['check', 'demo.db', url]) == 1
    assert migrate.main(['sync', 'demo.db', url]) == 0
    assert migrate.main(['check', 'demo.db', url]) == 0
    assert migrate.main(['version', 'demo.db', url]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ['demo.db: up to date at 0001', '0001']
