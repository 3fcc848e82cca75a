"""No resource stays in a transitional state without an operation."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from common import clock
from common.context import Context
from common.db import Database, declarative_base_for
from common.db.types import UuidKey, WithTimes
from common.errors import InvalidInput, PileusError
from common.operations import SERVICE, Operation, Operations, Runner, Step, operation_tables
from common.operations.states import StateGuard

Base = declarative_base_for('guarded')
TABLES = operation_tables(Base.metadata)


class Server(WithTimes, Base):
    __tablename__ = 'servers'
    id: Mapped[UuidKey]
    status: Mapped[str]
    why: Mapped[str | None]


def set_status(session, server, status, why=None):
    record = session.get(Server, server)
    record.status, record.why = status, why


def work(run):
    if run.params.get('fail'):
        raise InvalidInput('No.')


def forgets(session, run):
    """An end that leaves the server as it is."""


GOOD = Operation(
    'server.good',
    of='server',
    steps=[Step('work', do=work)],
    on_done=lambda session, run: set_status(session, run.resource_id, 'ACTIVE'),
    on_failed=lambda session, run, fault: set_status(session, run.resource_id, 'ERROR', fault['message']),
)


@pytest.fixture
def ops(tmp_path):
    db = Database(f'sqlite:///{tmp_path}/x.sqlite')
    Base.metadata.create_all(db.engine)
    ops = Operations(db, [GOOD], TABLES)
    ops.guard = StateGuard(
        ops,
        Server,
        'status',
        {'BUILD'},
        of='server',
        repair=lambda session, record, fault: set_status(session, record.id, 'ERROR', fault['message']),
    )
    ops.guard.install(db)
    runner = Runner(ops, at=SERVICE, workers=1)
    runner.start()
    yield ops
    runner.stop()
    db.dispose()


def status(ops, server):
    with ops.db.read() as session:
        return session.get(Server, server).status


def test_a_transitional_state_needs_an_operation(ops):
    with pytest.raises(PileusError) as refused, ops.db.write() as session:
        session.add(Server(id='s', status='BUILD'))
    assert refused.value.admin_detail == 'server s would be left status=BUILD without a live operation'
    with ops.db.read() as session:
        assert session.get(Server, 's') is None
    with ops.db.write() as session:
        session.add(Server(id='s', status='ACTIVE'))
    with pytest.raises(PileusError), ops.db.write() as session:
        set_status(session, 's', 'BUILD')
    assert status(ops, 's') == 'ACTIVE'


@pytest.mark.parametrize(('params', 'end'), [({}, 'ACTIVE'), ({'fail': True}, 'ERROR')])
def test_with_an_operation_it_is_entered_and_left(ops, params, end):
    with ops.db.write() as session:
        session.add(Server(id='s', status='BUILD'))
        operation = ops.start(session, Context.service('test'), GOOD, 's', params=params)
    ops.wait(operation)
    assert status(ops, 's') == end


def test_the_sweep_repairs_what_slipped_through(ops):
    with ops.db.write() as session:
        session.add_all([Server(id='old', status='ACTIVE'), Server(id='new', status='ACTIVE')])
    long_ago = clock.now().replace(year=2020)
    with ops.db.write() as session:
        session.execute(sa.update(Server).values(status='BUILD'), execution_options={'synchronize_session': False})
        session.execute(
            sa.update(Server).where(Server.id == 'old').values(updated_at=long_ago), execution_options={'synchronize_session': False}
        )
    assert ops.guard.sweep() == 1
    assert (status(ops, 'old'), status(ops, 'new')) == ('ERROR', 'BUILD')
    assert ops.guard.sweep() == 0
