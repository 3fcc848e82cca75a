"""Deciding what comes next, faults and leases, without a database."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys

import pytest

from common import clock
from common.context import Context
from common.errors import Conflict, DeadlineExceeded, InvalidInput, PileusError, Refused, Transient, Unavailable
from common.operations import HOST, SERVICE, NotYet, Operation, Step, faults, host_location, lease, on_host_of, plan
from common.operations.plan import Change
from common.operations.run import Run
from common.operations.service import _new_record

nothing = dict


def step(name, **rest):
    rest.setdefault('do', nothing)
    return Step(name, **rest)


OPERATION = Operation(
    'thing.make',
    of='thing',
    steps=[
        step('choose', undo=nothing),
        step('look'),
        step('optional', undo=nothing, when=lambda run: run.params.get('optional')),
        step('build', on=HOST, undo=nothing, retry_from='choose'),
        step('finish', undo=nothing),
    ],
)


def record(definition=OPERATION, **changes):
    made = _new_record(Context.service('test'), definition, 't', changes.pop('params', {}), changes.pop('host', None), None)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def settle(made, definition=OPERATION):
    change = Change(made)
    found = plan.settle(definition, change)
    return found.action, found.step and found.step.name, found.place or found.state


def test_forwards_over_what_need_not_be_done():
    assert settle(record()) == ('do', 'choose', SERVICE)
    assert settle(record(position=2, host='h1')) == ('do', 'build', 'host:h1')
    assert settle(record(position=2, params={'optional': True})) == ('do', 'optional', SERVICE)
    assert settle(record(position=3)) == ('do', 'build', None)
    assert settle(record(position=5)) == ('end', None, 'done')


def test_backwards_over_what_has_no_undo():
    assert settle(record(state='undoing', position=4, host='h1')) == ('undo', 'finish', SERVICE)
    assert settle(record(state='undoing', position=3, host='h1')) == ('undo', 'build', 'host:h1')
    assert settle(record(state='undoing', position=2, memory={'skipped': ['optional'], 'outputs': {}})) == ('undo', 'choose', SERVICE)
    assert settle(record(state='undoing', position=-1)) == ('end', None, 'failed')
    assert settle(record(state='superseded', position=-1)) == ('end', None, 'superseded')
    assert settle(record(state='undoing', position=3, memory={'skipped': ['optional'], 'outputs': {}})) == ('undo', 'choose', SERVICE)


def test_an_undo_that_only_goes_back_turns_round():
    made = record(state='undoing', position=-1, host='h1', memory={'back_to': 0, 'outputs': {}, 'skipped': ['optional']})
    assert settle(made) == ('do', 'choose', SERVICE)
    assert (made.state, made.host, made.memory) == ('running', None, {'outputs': {}, 'skipped': []})


def fail(error, *, at='build', **changes):
    made = record(position=OPERATION.index(at), host='h1', **changes)
    change = Change(made)
    pause = plan.step_failed(OPERATION, change, OPERATION.steps[made.position], error)
    return made, pause, [event['event'] for event in change.events]


@pytest.mark.parametrize('error', [Transient('x'), Unavailable(), DeadlineExceeded(), ConnectionError(), TimeoutError()])
def test_what_passes_is_tried_again_with_growing_pauses(error):
    pauses = []
    for attempts in range(10):
        made, pause, events = fail(error, attempts=attempts)
        assert (made.state, made.attempts, events) == ('running', attempts + 1, ['retried'])
        pauses.append(pause)
    assert pauses[0] <= plan.FIRST_PAUSE
    assert plan.LONGEST_PAUSE * 0.6 <= pauses[-1] <= plan.LONGEST_PAUSE


@pytest.mark.parametrize('error', [InvalidInput('no'), Conflict('no'), KeyError('no'), Refused('no')])
def test_what_does_not_pass_is_undone(error):
    made, pause, events = fail(error, at='finish')
    assert (made.state, pause, events) == ('undoing', None, ['failed'])
    assert made.fault['step'] == 'finish'


def test_a_refusal_goes_back_and_leaves_the_host_out():
    made, pause, events = fail(Refused('full'))
    assert (made.state, pause, events, made.fault) == ('undoing', None, ['refused'], None)
    assert made.memory['excluded'] == ['h1']
    assert made.memory['back_to'] == 0
    made, _, _ = fail(Refused('full'), memory={'outputs': {}, 'excluded': ['h2', 'h3']})
    assert made.fault['message'] == 'full (step build on h1)'


def test_a_pause_past_the_deadline_is_not_begun():
    late = clock.now() + datetime.timedelta(milliseconds=50)
    made, pause, _ = fail(Transient('The image service is away.'), deadline_at=late, attempts=5)
    assert (made.state, pause) == ('undoing', None)
    assert made.fault['message'] == 'The image service is away. (step build on h1)'


def test_waiting_grows_slowly(monkeypatch):
    now = clock.timestamp()
    monkeypatch.setattr(clock, 'timestamp', lambda: now)
    pauses = [fail(NotYet('x', after=0.1), memory={'outputs': {}, 'since': now - waited})[1] for waited in (0, 1, 10, 100)]
    assert pauses == pytest.approx([0.1, 0.15, 1.5, 3.0])


def test_a_condition_or_a_place_that_breaks_does_not_break_the_engine():
    definition = Operation(
        'x.y', of='x', steps=[step('a', when=lambda run: run.params['none']), step('b', on=lambda run: run.params['none'])]
    )
    assert settle(record(definition), definition) == ('do', 'a', SERVICE)
    assert settle(record(definition, position=1), definition) == ('do', 'b', None)


def test_operations_over_two_hosts():
    run = Run(record(params={'destination': 'h2'}))
    assert on_host_of('destination')(run) == host_location('h2')
    assert on_host_of('source')(run) is None


# -- faults


def test_the_message_comes_first_and_fits():
    made = record(host='h1', memory={'outputs': {}, 'tried': [{'host': 'h2', 'step': 'build', 'message': 'full'}]})
    fault = faults.make_fault(made, 'build', InvalidInput('The image is broken.'))
    assert fault['message'] == 'The image is broken. (step build on h1; tried before: h2)'
    assert [one['host'] for one in fault['tried']] == ['h2', 'h1']
    for length in range(1, 400, 7):
        text = faults.make_fault(made, 'build', InvalidInput('word ' * (length // 5) + 'x' * (length % 5)))['message']
        assert len(text) <= 255


def test_what_is_not_ours_is_hidden_from_users():
    for error in (KeyError('/var/lib/secret'), PileusError('SELECT 1')):
        fault = faults.make_fault(record(), 'build', error)
        assert 'secret' not in fault['message'] and 'SELECT' not in fault['message']
        assert 'secret' in fault['admin_detail'] or 'SELECT' in fault['admin_detail']
    fault = faults.make_fault(record(), 'build', Conflict('Busy.', admin_detail='pid 7 holds it', details={'a': 1}))
    assert (fault['message'], fault['admin_detail'], fault['details']) == ('Busy. (step build)', 'pid 7 holds it', {'a': 1})


# -- leases


def test_an_owner_is_alive_until_it_retires():
    owner = lease.new_owner()
    assert not lease.is_dead(owner)
    lease.retire(owner)
    assert lease.is_dead(owner)


def test_the_dead_are_known_on_the_same_machine_only():
    code = 'from common.operations import lease; print(lease.new_owner())'
    owner = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip()
    assert lease.is_dead(owner)
    assert not lease.is_dead('another-machine' + owner[owner.index('|') :])
    assert not lease.is_dead('nonsense')


def test_another_living_process_is_not_dead():
    with subprocess.Popen(
        [sys.executable, '-c', 'from common.operations import lease; print(lease.new_owner(), flush=True); input()'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        owner = child.stdout.readline().strip()
        assert not lease.is_dead(owner)
        child.kill()
        child.wait()
        assert lease.is_dead(owner)


def test_a_reused_pid_is_not_mistaken():
    machine, pid, start, number = lease.new_owner().split('|')
    assert lease.is_dead(f'{machine}|{os.getpid()}|{int(start) - 1}|{number}')
