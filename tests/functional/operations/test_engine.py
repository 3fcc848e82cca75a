"""The engine with real runners: what a service and its users see when steps fail, hosts vanish and deletes come."""

from __future__ import annotations

import datetime
import threading
import time

import pytest
import sqlalchemy as sa

from common import clock
from common.context import Context
from common.errors import Conflict, InvalidInput, NoValidHost, Refused, Superseded, Transient
from common.operations import HOST, SERVICE, NotYet, Operation, Runner, Step, host_location, lease, on_host_of
from common.operations.drive import Drive
from common.operations.lease import new_owner
from common.operations.service import LocalBell
from tests.databases import database_url, servers  # noqa: F401
from tests.functional.operations.cloud import BOOT, DELETE, HOSTS, SERVER, TABLES, Cloud

LOCATIONS = (SERVICE, *(host_location(host) for host in HOSTS))


class Stage:
    """A cloud with runners that can be started and stopped by place."""

    def __init__(self, folder, url, *extra):
        self.cloud = Cloud(folder, url, extra)
        self.runners = {}

    def run(self, *locations, sweep_every=0.05):
        for location in locations or LOCATIONS:
            runner = Runner(self.cloud.ops, at=location, world=self.cloud.things, workers=2, sweep_every=sweep_every)
            runner.start()
            self.runners[location] = runner
        return self

    def halt(self, *locations):
        for location in locations or list(self.runners):
            assert self.runners.pop(location).stop(60)

    def end(self, operation, timeout=60):
        return self.cloud.ops.wait(operation, timeout=timeout)

    def load(self, operation):
        return self.cloud.ops.store.load(operation)

    def until(self, condition, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, 'it did not come about'
            time.sleep(0.01)

    def pass_deadline(self, operation):
        """As if the time for it had run out."""
        t = TABLES.operations
        with self.cloud.db.write() as session:
            session.execute(sa.update(t).where(t.c.id == operation).values(deadline_at=clock.now()))

    def close(self):
        self.halt()
        self.cloud.db.dispose()


@pytest.fixture
def stage(tmp_path, database_url):  # noqa: F811
    made = []

    def make(*extra):
        made.append(Stage(tmp_path, database_url, *extra))
        return made[-1]

    yield make
    for one in made:
        one.close()


def job(*steps, kind='server.job', **rest):
    return Operation(kind, of='server', steps=list(steps), **rest)


def test_a_boot_runs_over_its_places_in_order(stage):
    s = stage().run()
    operation = s.cloud.start()
    record = s.end(operation)
    assert (record.state, record.host, record.live_key, record.place) == ('done', 'h1', None, None)
    assert s.cloud.things.all() == {
        'claim-server-1',
        'port-server-1@h1',
        'disk-server-1@h1',
        'domain-server-1@h1',
        'mark-server-1@h1',
    }
    events = s.cloud.events(operation)
    assert events[:4] == [
        ('choose_host', 'do', 'started'),
        ('choose_host', 'do', 'done'),
        ('make_ports', 'do', 'started'),
        ('make_ports', 'do', 'done'),
    ]
    assert ('make_volume', 'do', 'skipped') in events
    assert events[-1] == ('', 'end', 'done')


def test_a_long_step_tells_how_far_it_is(stage):
    def copy(run):
        run.note('copied: 1 of 2 MiB')
        run.note('copied: 2 of 2 MiB')
        return {'size': 2}

    op = job(Step('copy', do=copy), Step('last', do=lambda run: None))
    s = stage(op).run(SERVICE)
    operation = s.cloud.start(op)
    assert s.end(operation).state == 'done'
    with s.cloud.db.read() as session:
        events = [(event.step, event.event, event.data) for event in s.cloud.ops.events(session, operation)]
    assert [event[:2] for event in events[:4]] == [('copy', 'started'), ('copy', 'progress'), ('copy', 'progress'), ('copy', 'done')]
    assert [data['message'] for _, event, data in events if event == 'progress'] == ['copied: 1 of 2 MiB', 'copied: 2 of 2 MiB']


def test_a_note_after_being_overtaken_does_no_harm(stage):
    going, overtaken = threading.Event(), threading.Event()

    def copy(run):
        going.set()
        assert overtaken.wait(60)
        run.note('copied: 1 MiB')
        run.until(lambda: False, what='the delete')

    op = job(Step('copy', do=copy))
    s = stage(op).run()
    operation = s.cloud.start(op)
    assert going.wait(60)
    deleting = s.cloud.delete()
    overtaken.set()
    assert s.end(deleting).state == 'done'
    assert s.load(operation).state == 'superseded'


def test_a_delete_comes_between_two_writes_of_what_it_overtakes(stage):
    def copy(run):
        for number in range(100_000):  # no machine comes to its end before the delete
            run.note(f'copied: {number} MiB')
            run.check()

    op = job(Step('copy', do=copy))
    s = stage(op).run()
    for number in range(15):
        resource = f'server-{number}'
        operation = s.cloud.start(op, resource=resource)
        s.until(lambda of=operation: len(s.cloud.events(of)) > 2)
        assert s.end(s.cloud.delete(resource)).state == 'done'
        assert s.load(operation).state == 'superseded'


def test_one_live_operation_for_a_resource(stage):
    s = stage()
    s.cloud.start()
    with pytest.raises(Conflict, match='Server server-1 is busy: boot is under way'):
        s.cloud.start()
    s.cloud.start(resource='server-2')


def test_only_one_of_many_that_race_gets_the_resource(stage):
    s = stage()
    outcomes, together = [], threading.Barrier(8)

    def work():
        together.wait()
        try:
            outcomes.append(s.cloud.start())
        except Conflict:
            outcomes.append(None)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8 and sum(outcome is not None for outcome in outcomes) == 1


def test_nothing_is_left_of_a_start_that_is_rolled_back(stage):
    s = stage().run()
    with pytest.raises(InvalidInput), s.cloud.db.write() as session:
        s.cloud.ops.start(session, s.cloud.ctx, BOOT, SERVER)
        raise InvalidInput('no')
    with s.cloud.db.read() as session:
        assert s.cloud.ops.history(session, SERVER) == []
    assert s.end(s.cloud.start()).state == 'done'


def test_a_passing_failure_is_tried_again(stage):
    tries = []

    def shaky(run):
        tries.append(run.attempt)
        if len(tries) < 3:
            raise Transient('The image service is away.')

    op = job(Step('shaky', do=shaky))
    s = stage(op).run()
    operation = s.cloud.start(op)
    assert s.end(operation).state == 'done'
    assert tries == [0, 1, 2]
    assert s.cloud.events(operation).count(('shaky', 'do', 'retried')) == 2


def test_what_passes_never_fails_at_the_deadline_and_says_why(stage):
    tries = []

    def down(run):
        tries.append(run.attempt)
        if len(tries) == 3:  # however long the machine took to come here
            run._record.deadline_at = clock.now()
        raise Transient('The image service is away.')

    told = []
    op = job(
        Step('before', do=lambda run: {'x': 1}, undo=lambda run, output: told.append(output)),
        Step('fetch', do=down),
        on_failed=lambda session, run, fault: told.append(fault['message']),
    )
    s = stage(op).run()
    record = s.end(s.cloud.start(op))
    assert record.state == 'failed' and tries == [0, 1, 2]
    assert told == [{'x': 1}, 'The image service is away. (step fetch)']
    assert record.fault['code'] == 'transient'


def test_waiting_holds_no_worker_and_is_no_failure(stage):
    ready = []

    def wait(run):
        if not ready:
            raise NotYet('the port is not up', after=0.02)
        return {'ready': True}

    op = job(Step('wait', do=wait))
    s = stage(op).run(SERVICE)
    operations = [s.cloud.start(op, f'server-{number}') for number in range(10)]
    quick = job(Step('quick', do=lambda run: None), kind='server.quick')
    s.cloud.ops.register(quick)
    assert s.end(s.cloud.start(quick, 'other')).state == 'done'
    ready.append(True)
    assert {s.end(operation).state for operation in operations} == {'done'}
    assert ('wait', 'do', 'retried') not in s.cloud.events(operations[0])


def test_a_step_has_its_own_timeout(stage):
    def wait(run):
        raise NotYet('The ports did not come up.', after=0.05)

    op = job(Step('wait_for_ports', do=wait, timeout=0.3))
    s = stage(op).run(SERVICE)
    record = s.end(s.cloud.start(op))
    assert (record.state, record.fault['message']) == ('failed', 'The ports did not come up. (step wait_for_ports)')


def refusing(*hosts):
    def check(run):
        if run.host in hosts:
            raise Refused(f'No space left on {run.host}.')
        run.world.make(f'checked@{run.host}')

    steps = [*BOOT.steps[:4], Step('check', on=HOST, do=check, retry_from='choose_host'), *BOOT.steps[4:]]
    return Operation('server.picky', of='server', steps=steps)


def test_a_host_that_refuses_is_left_for_another(stage):
    op = refusing('h1', 'h2')
    s = stage(op).run()
    record = s.end(s.cloud.start(op))
    assert (record.state, record.host) == ('done', 'h3')
    assert s.cloud.things.all() == {
        'claim-server-1',
        'port-server-1@h3',
        'disk-server-1@h3',
        'checked@h3',
        'domain-server-1@h3',
        'mark-server-1@h3',
    }


def test_the_fault_tells_of_every_host_that_was_tried(stage):
    op = refusing(*HOSTS)
    s = stage(op).run()
    record = s.end(s.cloud.start(op))
    assert record.state == 'failed'
    assert record.fault['message'] == 'No space left on h3. (step check on h3; tried before: h1, h2)'
    assert [one['host'] for one in record.fault['tried']] == ['h1', 'h2', 'h3']
    assert s.cloud.things.all() == set()


def test_an_error_of_ours_is_not_told_to_the_user(stage):
    def broken(run):
        raise KeyError('/secret/path')

    op = job(Step('broken', do=broken))
    s = stage(op).run(SERVICE)
    record = s.end(s.cloud.start(op))
    assert 'secret' not in record.fault['message']
    assert record.fault['message'].startswith('The operation met an unexpected condition')
    assert "KeyError: '/secret/path'" in record.fault['admin_detail']


def test_an_undo_never_gives_up_and_asks_for_attention(stage, monkeypatch):
    monkeypatch.setattr('common.operations.plan.FIRST_PAUSE', 0.005)
    broken, early = [True], []

    def undo(run, output):
        if broken:
            raise Refused('The hypervisor does not answer.')
        run.world.remove('thing')

    def fail(run):
        raise InvalidInput('The image is broken.')

    op = job(
        Step('make', do=lambda run: run.world.make('thing'), undo=undo),
        Step('fail', do=fail),
        on_failed=lambda session, run, fault: early.append((run.state, fault['message'])),
    )
    s = stage(op).run(SERVICE)
    operation = s.cloud.start(op)
    s.until(lambda: s.load(operation).attention)
    assert early == [('undoing', 'The image is broken. (step fail)')]
    with s.cloud.db.read() as session:
        assert [record.id for record in s.cloud.ops.attention(session)] == [operation]
    broken.clear()
    s.cloud.ops.store.hurry(operation)
    record = s.end(operation)
    assert (record.state, record.attention) == ('failed', False)
    assert early[-1] == ('failed', 'The image is broken. (step fail)')
    assert s.cloud.things.all() == set()


def test_a_delete_never_gives_up_and_asks_for_attention(stage, monkeypatch):
    monkeypatch.setattr('common.operations.plan.FIRST_PAUSE', 0.005)
    broken = [True]

    def clean(run):
        if broken:
            raise InvalidInput('The volume is held.')

    op = job(Step('clean', do=clean), never_gives_up=True, deadline=None, kind='server.remove')
    s = stage(op).run(SERVICE)
    operation = s.cloud.start(op)
    s.until(lambda: s.load(operation).attention)
    assert s.load(operation).fault['message'] == 'The volume is held. (step clean)'
    broken.clear()
    s.cloud.ops.store.hurry(operation)
    record = s.end(operation)
    assert (record.state, record.fault) == ('done', None)


def test_a_delete_interrupts_a_step_that_runs_in_another_place(stage):
    inside, checked = threading.Event(), []

    def long_step(run):
        inside.set()
        try:
            run.until(lambda: False, timeout=120)
        except Superseded as error:
            checked.append(error)
            raise

    op = Operation('server.slow', of='server', steps=[*BOOT.steps[:4], Step('slow', on=HOST, do=long_step)])
    s = stage(op).run(sweep_every=3600)
    operation = s.cloud.start(op)
    assert inside.wait(60)
    delete = s.cloud.delete()
    assert s.end(delete).state == 'done'
    assert s.load(operation).state == 'superseded'
    assert checked
    assert s.cloud.things.all() == set()


def test_a_delete_of_what_has_not_begun_runs_at_once(stage):
    s = stage()
    boot = s.cloud.start()
    delete = s.cloud.delete(host=None)
    assert (s.load(boot).state, s.load(boot).place) == ('superseded', None)
    s.run()
    assert s.end(delete).state == 'done'
    assert all(event == ('', 'end', 'superseded') for event in s.cloud.events(boot))


def test_a_second_delete_is_the_first(stage):
    s = stage()
    s.cloud.start()
    first = s.cloud.delete()
    assert s.cloud.delete() == first
    with s.cloud.db.read() as session:
        assert s.cloud.ops.live(session, SERVER).id == first


def test_a_worker_that_was_cut_off_can_write_nothing(stage):
    s = stage()
    operation = s.cloud.start()
    paused = Drive(s.cloud.ops, 'elsewhere|1|1|1', {SERVICE: s.cloud.things}, lambda: False, lambda *_: None)
    assert paused.claim(operation)
    s.cloud.db.transaction(
        lambda session: session.execute(sa.update(TABLES.operations).values(lease_until=clock.now() - datetime.timedelta(seconds=1)))
    )
    s.run()
    assert s.end(operation).state == 'done'
    before = s.cloud.events(operation)
    paused.go()
    assert s.cloud.events(operation) == before
    assert s.load(operation).state == 'done'


def test_a_lease_in_force_is_respected(stage):
    s = stage()
    operation = s.cloud.start()
    holder = Drive(s.cloud.ops, 'elsewhere|1|1|1', {SERVICE: s.cloud.things}, lambda: False, lambda *_: None)
    assert holder.claim(operation)
    other = Drive(s.cloud.ops, new_owner(), {SERVICE: s.cloud.things}, lambda: False, lambda *_: None)
    assert not other.claim(operation)


def test_work_for_a_host_that_is_down_waits_and_a_delete_is_accepted(stage):
    hidden = []
    hide = Operation(
        'server.hide',
        of='server',
        never_gives_up=True,
        deadline=None,
        stall_after=0.1,
        on_stalled=lambda session, run: hidden.append(run.resource_id),
        steps=DELETE.steps,
    )
    s = stage(hide).run(SERVICE)
    boot = s.cloud.start()
    s.until(lambda: s.load(boot).place == 'host:h1')
    delete = s.cloud.start(hide, host='h1', supersede=True)
    s.until(lambda: hidden)
    assert s.load(delete).place is not None
    s.run('host:h1')
    assert s.end(delete).state == 'done'
    assert s.cloud.things.all() == set()


def short(heard, *steps):
    def told(session, run, fault):
        heard.append((run.state, fault['message']))

    return Operation('server.short', of='server', deadline=600, stall_after=0.1, on_failed=told, steps=[*BOOT.steps[:3], *steps])


def test_what_a_host_that_is_down_has_not_begun_fails_without_it(stage):
    heard = []
    op = short(heard, *BOOT.steps[3:])
    s = stage(op).run(SERVICE)
    operation = s.cloud.start(op)
    s.until(lambda: s.load(operation).place == 'host:h1')
    s.pass_deadline(operation)
    assert s.end(operation).state == 'failed'
    assert heard == [('failed', 'The operation took too long. Host h1 did not carry out step make_disk in time. (step make_disk on h1)')]
    assert s.cloud.things.all() == set()


def test_the_user_hears_of_a_deadline_though_the_host_must_still_undo(stage):
    def wait(run):
        run.world.make('half')
        raise NotYet('not yet', after=0.02)

    heard = []
    op = short(heard, Step('wait', on=HOST, do=wait, undo=lambda run, output: run.world.remove('half')))
    s = stage(op).run(SERVICE, 'host:h1')
    operation = s.cloud.start(op)
    s.until(lambda: 'half' in s.cloud.things.all())
    s.halt('host:h1')
    s.pass_deadline(operation)
    s.until(lambda: heard)
    assert heard == [('undoing', 'The operation took too long. Host h1 did not carry out step wait in time. (step wait on h1)')]
    s.run('host:h1')
    assert s.end(operation).state == 'failed'
    assert s.cloud.things.all() == set()


def test_a_delete_needs_no_host_where_nothing_was_begun(stage):
    s = stage().run(SERVICE)
    boot = s.cloud.start()
    s.until(lambda: s.load(boot).place == 'host:h1')
    delete = s.cloud.delete(host=None)
    assert s.end(delete).state == 'done'
    assert s.load(boot).state == 'superseded'
    assert s.cloud.things.all() == set()


def test_a_delete_takes_over_an_undo_that_is_under_way(stage):
    stuck = [True]

    def undo(run, output):
        if stuck:
            raise Transient('The host is busy.')
        run.world.remove('thing')

    def fail(run):
        raise InvalidInput('The image is broken.')

    heard = []
    op = job(
        Step('make', do=lambda run: run.world.make('thing'), undo=undo),
        Step('fail', do=fail),
        on_failed=lambda session, run, fault: heard.append('failed'),
        on_superseded=lambda session, run: heard.append('superseded'),
    )
    s = stage(op).run(SERVICE)
    operation = s.cloud.start(op)
    s.until(lambda: s.load(operation).state == 'undoing')
    delete = s.cloud.delete(host=None)
    stuck.clear()
    s.cloud.ops.store.hurry(operation)
    assert s.end(delete).state == 'done'
    assert (heard, s.load(operation).state) == (['superseded'], 'superseded')
    assert s.cloud.things.all() == set()


def test_an_operation_over_two_hosts(stage):
    seen = []
    op = job(
        Step('prepare', on=on_host_of('destination'), do=lambda run: seen.append('prepare')),
        Step('send', on=HOST, do=lambda run: seen.append('send')),
        Step('switch', do=lambda run: run.set_host(run.params['destination'])),
        Step('receive', on=HOST, do=lambda run: seen.append(('receive', run.host))),
    )
    s = stage(op).run()
    record = s.end(s.cloud.start(op, params={'destination': 'h2'}, host='h1'))
    assert (record.state, record.host) == ('done', 'h2')
    assert seen == ['prepare', 'send', ('receive', 'h2')]


def test_what_a_dead_process_held_is_taken_up_at_once(stage):
    s = stage()
    operation = s.cloud.start()
    dead = new_owner()
    drive = Drive(s.cloud.ops, dead, {SERVICE: s.cloud.things}, lambda: False, lambda *_: None)
    assert drive.claim(operation)
    s.cloud.db.transaction(  # so it is not waiting that ends it
        lambda session: session.execute(sa.update(TABLES.operations).values(lease_until=clock.now() + datetime.timedelta(hours=1)))
    )
    lease.retire(dead)
    s.run()
    assert s.end(operation).state == 'done'


def test_a_runner_that_stops_hands_its_work_back(stage):
    inside, go = threading.Event(), threading.Event()

    def slow(run):
        inside.set()
        go.wait(60)

    op = job(Step('slow', do=slow), Step('next', do=lambda run: run.world.make('next')))
    s = stage(op).run(SERVICE)
    operation = s.cloud.start(op)
    assert inside.wait(60)
    runner = s.runners[SERVICE]
    stopping = threading.Thread(target=s.halt)
    stopping.start()
    s.until(runner._stopping.is_set)
    go.set()
    stopping.join(60)
    record = s.load(operation)
    assert (record.position, record.lease_owner, record.place) == (1, None, SERVICE)
    s.run(SERVICE)
    assert s.end(operation).state == 'done'


def test_saving_is_one_with_the_record(stage):
    events = TABLES.events

    def save(session, run, output):
        assert output == {'x': 1}
        session.execute(sa.insert(events).values(operation_id='saved', seq=0, step='', direction='', event='', at=clock.now()))
        if run.params.get('fail'):
            raise InvalidInput('The name is taken.')

    undone = []
    op = job(Step('make', do=lambda run: {'x': 1}, save=save, undo=lambda run, output: undone.append(output)))
    s = stage(op).run(SERVICE)
    assert s.end(s.cloud.start(op, params={'fail': True})).fault['message'] == 'The name is taken. (step make)'
    assert undone == [None]
    with s.cloud.db.read() as session:
        assert s.cloud.ops.events(session, 'saved') == []
    assert s.end(s.cloud.start(op)).state == 'done'
    with s.cloud.db.read() as session:
        assert len(s.cloud.ops.events(session, 'saved')) == 1


def test_an_end_that_cannot_be_written_fails_the_operation(stage):
    def on_done(session, run):
        raise Conflict('The record has gone.')

    undone = []
    op = job(Step('make', do=lambda run: {'x': 1}, undo=lambda run, output: undone.append(output)), on_done=on_done)
    s = stage(op).run(SERVICE)
    record = s.end(s.cloud.start(op))
    assert (record.state, record.fault['message']) == ('failed', 'The record has gone. (step make)')
    assert undone == [{'x': 1}]


def test_an_operator_can_end_an_operation_by_force(stage):
    s = stage().run(SERVICE)
    boot = s.cloud.start()
    s.until(lambda: s.load(boot).place == 'host:h1')
    delete = s.cloud.delete(host=None)
    with s.cloud.db.write() as session:
        s.cloud.ops.abandon(session, boot, 'the host burned down')
    assert s.end(delete).state == 'done'
    with s.cloud.db.read() as session:
        assert any((e.data or {}).get('comment') == 'the host burned down' for e in s.cloud.ops.events(session, boot))


def test_an_operation_of_another_release_is_left_alone(stage):
    op = job(Step('make', do=lambda run: run.world.make('x')), version=2)
    known = job(Step('look', do=lambda run: None), kind='server.known')
    s = stage(op, known)
    operation, later = s.cloud.start(op), s.cloud.start(known, resource='another')
    del s.cloud.ops._registry[(op.kind, 2)]
    assert s.cloud.ops.unknown() == [('server.job', 2)]
    s.run(SERVICE)
    assert s.end(later).state == 'done', 'the runner has looked at what waits'
    s.halt()
    record = s.load(operation)
    assert (record.generation, record.state, s.cloud.events(operation)) == (0, 'running', [])
    assert s.cloud.things.all() == set()


def test_one_runner_for_all_places_needs_no_bell(stage):
    s = stage()
    s.cloud.ops.bell = LocalBell()
    runner = Runner(s.cloud.ops, at=s.cloud.worlds, workers=4, sweep_every=3600)
    runner.start()
    s.runners['all'] = runner
    operations = [s.cloud.start(resource=f'server-{number}') for number in range(20)]
    assert {s.end(operation).state for operation in operations} == {'done'}


def test_the_steps_of_a_run_see_who_asked(stage):
    seen = []
    op = job(
        Step(
            'look',
            do=lambda run: seen.append((run.ctx.project_id, run.ctx.global_request_id, run.ctx.reason, run.ctx.deadline is not None)),
        )
    )
    s = stage(op).run(SERVICE)
    ctx = Context(request_id='req-1', global_request_id='req-0', user_id='u', project_id='p', roles=frozenset({'member'}))
    with s.cloud.db.write() as session:
        operation = s.cloud.ops.start(session, ctx, op, SERVER)
    s.end(operation)
    assert seen == [('p', 'req-0', (f'server.job:{operation}',), True)]


def test_no_valid_host_keeps_its_message_whole(stage):
    message = 'No valid host: ' + 'x' * 240

    def choose(run):
        raise NoValidHost(message)

    op = job(Step('choose_host', do=choose))
    s = stage(op).run(SERVICE)
    assert s.end(s.cloud.start(op)).fault['message'] == message
