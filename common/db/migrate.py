"""Schema migrations, shared by all services. The only module that imports Alembic, and it does so when a schema must change.

A service's scripts are `<service>/db/migrations/versions/NNNN_what.py`, one line of history, written with Alembic's `op`.
The version is kept where Alembic keeps it (`alembic_version`).

    python -m common.db.migrate new network.db 'add trunks'       write the next script from the difference to the models
    python -m common.db.migrate sync network.db sqlite:////tmp/x  bring a database to the newest version
    python -m common.db.migrate version|check network.db URL
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import importlib.util
import pathlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any, Literal

import sqlalchemy as sa

from common.db import types as column_types
from common.db.engine import Database
from common.errors import Conflict, InvalidInput, Unavailable

LOCK_WAIT = 120
"""Seconds that one `sync` waits for another one on the same database server."""
_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(?:'([^']*)'|\"([^\"]*)\"|None)", re.MULTILINE)
_VERSION_TABLE = sa.Table('alembic_version', sa.MetaData(), sa.Column('version_num', sa.String(32), primary_key=True))


@dataclasses.dataclass(frozen=True)
class Revision:
    """One migration script."""

    id: str
    down: str | None
    path: pathlib.Path


def versions_folder(package: str) -> pathlib.Path:
    """Where the scripts of a `<service>.db` package are."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InvalidInput(f'There is no package {package}.')
    return pathlib.Path(next(iter(spec.submodule_search_locations))) / 'migrations' / 'versions'


def revisions(package: str) -> list[Revision]:
    """The scripts in order, oldest first. Raises Conflict if they are not one line of history."""
    found: dict[str | None, Revision] = {}
    for path in sorted(versions_folder(package).glob('[0-9]*.py')):
        values = {name: (single or double or None) for name, single, double in _REVISION.findall(path.read_text())}
        if not values.get('revision'):
            raise Conflict(f'The migration {path.name} of {package} has no revision.')
        revision = Revision(str(values['revision']), values.get('down_revision'), path)
        if revision.down in found:
            raise Conflict(f'The migrations {found[revision.down].path.name} and {path.name} of {package} follow the same one.')
        found[revision.down] = revision
    ordered: list[Revision] = []
    at: str | None = None
    while at in found:
        ordered.append(found.pop(at))
        at = ordered[-1].id
    if found:
        raise Conflict(f'Migrations of {package} that follow none: {", ".join(sorted(r.path.name for r in found.values()))}.')
    return ordered


def version(db: Database) -> str | None:
    """The version that a database is at; None if it is empty."""
    with db.engine.connect() as connection:
        return _version(connection)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table('alembic_version'):
        return None
    return connection.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar()


def check(db: Database, package: str) -> list[str]:
    """What is wrong with the version of this database, as sentences; empty if nothing."""
    known = [r.id for r in revisions(package)]
    at = version(db)
    if not known or at == known[-1]:
        return []
    if at is None:
        return [f'The database of {package} is empty; run `db sync`.']
    if at not in known:
        return [f'The database of {package} is at version {at}, which this release does not know; use the newer release.']
    return [f'The database of {package} is at version {at}, this release needs {known[-1]}; run `db sync`.']


def sync(db: Database, package: str, target: str = 'head') -> list[str]:
    """Bring the database to `target` (a revision, `head`, or `base` for nothing); returns the revisions run, in order.

    On SQLite and PostgreSQL all or nothing; on MariaDB, where no schema change can be rolled back, each statement of a script
    is written so that it can be run again. Two syncs of one database wait for each other.
    """
    chain = revisions(package)
    if target == 'head' and chain and version(db) == chain[-1].id:
        return []
    with _exclusive(db, package) as connection:
        at = _version(connection)
        steps, up = _path(chain, at, target, package)
        if not steps:
            return []
        if at is None and db.dialect == 'mysql':
            use_bytewise_text(connection)
        _VERSION_TABLE.create(connection, checkfirst=True)
        for revision in steps:
            _run(connection, revision, up)
            if db.dialect == 'mysql':
                connection.commit()
        return [revision.id for revision in steps]


def make(db: Database, package: str) -> list[str]:
    """As `sync` to `head`, but an empty database is made from the models in one go, which takes a fifth of the time.

    A test holds models and scripts to the same schema. Where a schema change cannot be rolled back the scripts make it, since
    they can be run again after half of it. Scripts never put rows into an empty database.
    """
    chain = revisions(package)
    if db.dialect == 'mysql' or not chain or version(db) is not None:
        return sync(db, package)
    with _exclusive(db, package) as connection:
        if _version(connection) is None:
            metadata_of(package).create_all(connection, checkfirst=False)
            _VERSION_TABLE.create(connection)
            connection.execute(sa.insert(_VERSION_TABLE).values(version_num=chain[-1].id))
            return [revision.id for revision in chain]
    return sync(db, package)


def _path(chain: list[Revision], at: str | None, target: str, package: str) -> tuple[list[Revision], bool]:
    ids = [r.id for r in chain]
    if at is not None and at not in ids:
        raise Conflict(f'The database of {package} is at version {at}, which this release does not know; use the newer release.')
    here = ids.index(at) + 1 if at is not None else 0
    if target not in ('head', 'base') and target not in ids:
        raise InvalidInput(f'{package} has no version {target}; it has {", ".join(ids) or "none"}.')
    there = {'head': len(ids), 'base': 0}.get(target, ids.index(target) + 1 if target in ids else 0)
    if there >= here:
        return chain[here:there], True
    return chain[there:here][::-1], False


def _run(connection: sa.Connection, revision: Revision, up: bool) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    module = _load(revision)
    with Operations.context(MigrationContext.configure(connection)):
        (module.upgrade if up else module.downgrade)()
    connection.execute(sa.delete(_VERSION_TABLE))
    now_at = revision.id if up else revision.down
    if now_at is not None:
        connection.execute(sa.insert(_VERSION_TABLE).values(version_num=now_at))


def _load(revision: Revision) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f'_migration_{revision.path.stem}', revision.path)
    if spec is None or spec.loader is None:
        raise Conflict(f'The migration {revision.path.name} cannot be loaded.')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _exclusive(db: Database, package: str) -> Iterator[sa.Connection]:
    """A transaction that no other sync of this database is in at the same time."""
    name = f'pileus-migrate-{package}'
    with db.engine.connect() as connection:
        if db.dialect == 'mysql':
            lock = f'{db.url.database}-{name}'[:64]
            if connection.scalar(sa.text('SELECT GET_LOCK(:name, :wait)'), {'name': lock, 'wait': LOCK_WAIT}) != 1:
                raise Unavailable(f'Another migration of {package} is running; try again when it has ended.')
            try:
                yield connection
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(sa.text('SELECT RELEASE_LOCK(:name)'), {'name': lock})
            return
        if db.dialect == 'postgresql':
            connection.execute(sa.text('SELECT pg_advisory_xact_lock(hashtext(:name))'), {'name': name})
        yield connection
        connection.commit()


def use_bytewise_text(connection: sa.Connection) -> None:
    """Text is compared byte by byte, as on the other databases; tables made from now on inherit it."""
    names = set(
        connection.scalars(sa.text("SELECT collation_name FROM information_schema.collations WHERE character_set_name = 'utf8mb4'"))
    )
    collation = next(c for c in ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin', 'utf8mb4_bin') if c in names)
    database = connection.dialect.identifier_preparer.quote(connection.engine.url.database or '')
    connection.execute(sa.text(f'ALTER DATABASE {database} CHARACTER SET utf8mb4 COLLATE {collation}'))


def metadata_of(package: str) -> sa.MetaData:
    """The metadata of the models of a `<service>.db` package: its `Base`, or that of its module `models`."""
    module = importlib.import_module(package)
    if not hasattr(module, 'Base'):
        module = importlib.import_module(f'{package}.models')
    metadata: sa.MetaData = module.Base.metadata
    return metadata


def differences(db: Database, package: str) -> list[Any]:
    """How the schema of a database differs from the models, as Alembic tells it; empty if it does not."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with db.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata_of(package)))


def new(package: str, title: str) -> pathlib.Path | None:
    """Write the next script: the difference between the models and what the present scripts make. None if there is none."""
    from alembic.autogenerate import produce_migrations, render_python_code
    from alembic.runtime.migration import MigrationContext

    scratch = Database('sqlite://')
    try:
        sync(scratch, package)
        with scratch.engine.connect() as connection:
            found = produce_migrations(MigrationContext.configure(connection), metadata_of(package))
    finally:
        scratch.dispose()
    if found.upgrade_ops is None or found.upgrade_ops.is_empty() or found.downgrade_ops is None:
        return None
    batch = bool(revisions(package))  # SQLite alters a table by copying it; the first script only creates
    up = render_python_code(found.upgrade_ops, render_as_batch=batch, render_item=_render_type)
    down = render_python_code(found.downgrade_ops, render_as_batch=batch, render_item=_render_type)
    return _write(package, title, _repeatable(up), _repeatable(down))


def _render_type(kind: str, item: Any, context: object) -> str | Literal[False]:
    if kind == 'type':
        for name in ('TIME', 'JSON', 'BIG', 'LONG_TEXT'):
            if _spelled(item) == _spelled(getattr(column_types, name)):
                return name
    return False


def _spelled(column_type: Any) -> tuple[str, str]:
    """A type with its variants, which `repr` leaves out."""
    return repr(column_type), repr(sorted((name, repr(variant)) for name, variant in column_type._variant_mapping.items()))


def _repeatable(code: str) -> str:
    """Statements that can be run again after half a script, where the database cannot roll a schema change back."""
    code = re.sub(
        r'^( *op\.create_table\((?:.*\n)*?)^( *)\)$',
        lambda found: (
            re.sub(r'\n( *)sa\.', r'\n\1    sa.', found[1]).rstrip('\n').rstrip(',') + f',\n{found[2]}    if_not_exists=True,\n{found[2]})'
        ),
        code,
        flags=re.MULTILINE,
    )
    code = re.sub(r'^( *op\.create_index\(.*)\)$', r'\1, if_not_exists=True)', code, flags=re.MULTILINE)
    code = re.sub(r'^( *op\.drop_(?:table|index)\(.*)\)$', r'\1, if_exists=True)', code, flags=re.MULTILINE)
    code = code.replace('# ### commands auto generated by Alembic - please adjust! ###\n', '').replace('# ### end Alembic commands ###', '')
    return code.strip('\n')


def _write(package: str, title: str, up: str, down: str) -> pathlib.Path:
    chain = revisions(package)
    number = f'{len(chain) + 1:04d}'
    slug = re.sub(r'[^a-z0-9]+', '_', title.lower()).strip('_')[:40]
    folder = versions_folder(package)
    folder.mkdir(parents=True, exist_ok=True)
    for made in (folder, folder.parent):
        (made / '__init__.py').touch()
    lines = ['import sqlalchemy as sa', 'from alembic import op']
    used = [name for name in ('BIG', 'JSON', 'LONG_TEXT', 'TIME') if re.search(rf'\b{name}\b', up + down)]
    if used:
        lines += ['', f'from common.db.types import {", ".join(used)}']
    previous = repr(chain[-1].id) if chain else 'None'
    path = folder / f'{number}_{slug}.py'
    path.write_text(
        f'"""{title[:1].upper()}{title[1:]}."""\n\n'
        + '\n'.join(lines)
        + f"\n\nrevision = '{number}'\ndown_revision = {previous}\n\n\n"
        + f'def upgrade() -> None:\n{_indented(up)}\n\n\ndef downgrade() -> None:\n{_indented(down)}\n'
    )
    return path


def _indented(code: str) -> str:
    lines = [line.rstrip() for line in code.splitlines()]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return '\n'.join('    ' + line[margin:] if line else '' for line in lines)


def main(argv: list[str] | None = None) -> int:
    """The command line of this module; `<service>-manage db` offers the same for its own database."""
    parser = argparse.ArgumentParser(prog='python -m common.db.migrate', description='Schema migrations.')
    commands = parser.add_subparsers(dest='command', required=True)
    make = commands.add_parser('new', help='write the next script from the difference to the models')
    make.add_argument('package', help='for example network.db')
    make.add_argument('title')
    for name, text in (('sync', 'bring a database up to date'), ('version', 'print its version'), ('check', 'is it up to date?')):
        command = commands.add_parser(name, help=text)
        command.add_argument('package')
        command.add_argument('url')
        if name == 'sync':
            command.add_argument('target', nargs='?', default='head')
    arguments = parser.parse_args(argv)
    if arguments.command == 'new':
        path = new(arguments.package, arguments.title)
        print(path or 'The models are what the migrations make: nothing to write.')
        return 0
    return manage(arguments.command, Database(arguments.url), arguments.package, getattr(arguments, 'target', 'head'))


def manage(command: str, db: Database, package: str, target: str = 'head') -> int:
    """Carry out `sync`, `version` or `check` and print the outcome; returns the exit code."""
    try:
        if command == 'sync':
            done = sync(db, package, target)
            print('\n'.join(f'{package}: {revision}' for revision in done) or f'{package}: up to date at {version(db)}')
        elif command == 'version':
            print(version(db) or 'empty')
        else:
            problems = check(db, package)
            print('\n'.join(problems) or f'{package}: up to date at {version(db)}')
            return 1 if problems else 0
    finally:
        db.dispose()
    return 0


if __name__ == '__main__':
    sys.exit(main())
