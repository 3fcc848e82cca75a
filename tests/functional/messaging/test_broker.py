"""Calls, casts and fanouts, the same in memory and over RabbitMQ."""

from __future__ import annotations

import contextlib
import json
import threading
import time

import pytest

from common.errors import Conflict, DeadlineExceeded, InvalidInput, NotFound, PileusError
from tests.functional.messaging.conftest import Clerk, Desk, eventually


def dawdle(desk, ctx):
    """Keep a worker busy; how the call ends does not matter."""
    with contextlib.suppress(PileusError):
        desk.dawdle(ctx)


def test_a_call_is_answered_across_processes(brokers, ctx, host):
    brokers().serve(Desk, Clerk(), host=host)
    asking = brokers().client(Desk, host=host)
    assert asking.add(ctx, a=2, b=3) == 5
    assert asking.add(ctx, a=2) == 2


def test_the_server_knows_who_asks_and_until_when(brokers, ctx, host):
    broker = brokers()
    broker.serve(Desk, Clerk(), host=host)
    found = broker.client(Desk, host=host).who(ctx)
    assert (found['user'], found['request'], found['chain']) == ('u1', 'req-own', 'req-chain')
    assert 5 < found['left'] <= 10
    sooner = ctx.but(deadline=time.time() + 2)
    assert broker.client(Desk, host=host).who(sooner)['left'] <= 2


def test_errors_come_back_as_their_class(brokers, ctx, host):
    broker = brokers()
    broker.serve(Desk, Clerk(), host=host)
    desk = broker.client(Desk, host=host)
    with pytest.raises(NotFound) as missing:
        desk.fail(ctx, how='missing')
    assert (missing.value.message, missing.value.admin_detail) == ('Desk d1 could not be found.', 'in room 5')
    with pytest.raises(Conflict) as locked:
        desk.fail(ctx, how='locked')
    assert (locked.value.code, locked.value.details) == ('locked', {'by': 'me'})


@pytest.mark.parametrize('how', ['unexpectedly', 'no json'])
def test_an_unexpected_failure_tells_the_log_and_not_the_caller(brokers, ctx, host, how, caplog):
    broker = brokers()
    broker.serve(Desk, Clerk(), host=host)
    with pytest.raises(PileusError) as caught:
        broker.client(Desk, host=host).fail(ctx, how=how)
    assert type(caught.value) is PileusError
    assert 'hunter2' not in str(caught.value.to_message())
    assert 'failed unexpectedly' in caplog.text
    assert broker.client(Desk, host=host).add(ctx, a=1) == 1


def test_nothing_is_sent_that_the_contract_does_not_know(brokers, ctx, host):
    desk = brokers().client(Desk, host=host)
    with pytest.raises(InvalidInput):
        desk.add(ctx, a=1, c=2)
    with pytest.raises(PileusError, match='no method'):
        desk.subtract(ctx, a=1)
    with pytest.raises(InvalidInput, match='wrong type'):
        desk.add(ctx, a='1')


def test_the_server_refuses_it_too(brokers, ctx, host, monkeypatch):
    """A client of another release may know more."""
    broker = brokers()
    broker.serve(Desk, Clerk(), host=host)
    monkeypatch.setattr('common.messaging.contract.Method.check', lambda *_: None)
    desk = broker.client(Desk, host=host)
    desk.add  # noqa: B018 - the check is undone for the client only
    monkeypatch.undo()
    original = type(Desk.methods['add']).check
    seen = []

    def once(self, topic, arguments):
        seen.append(topic)
        if len(seen) > 1:
            original(self, topic, arguments)

    monkeypatch.setattr('common.messaging.contract.Method.check', once)
    with pytest.raises(InvalidInput, match='does not know c'):
        desk.add(ctx, a=1, c=2)
    assert len(seen) == 2


def test_a_call_that_nobody_answers_ends_at_its_deadline(brokers, ctx, host):
    broker = brokers()
    with pytest.raises(DeadlineExceeded) as caught:
        broker.client(Desk, host=host).add(ctx, timeout=0.2, a=1)
    assert host in (caught.value.admin_detail or '')
    assert host not in caught.value.message


def test_a_slow_answer_is_not_mistaken_for_the_next_one(brokers, ctx, host):
    broker, clerk = brokers(), Clerk()
    broker.serve(Desk, clerk, host=host)
    desk = broker.client(Desk, host=host)
    with pytest.raises(DeadlineExceeded):
        desk.dawdle(ctx)
    clerk.gate.set()
    assert [desk.add(ctx, a=n) for n in range(5)] == list(range(5))


def test_what_nobody_waits_for_any_more_is_not_run(brokers, ctx, host):
    broker, clerk = brokers(), Clerk()
    server = broker.serve(Desk, clerk, host=host, workers=1)
    desk = broker.client(Desk, host=host)
    ran = []
    server._functions['add'] = lambda ctx, a, b=0: ran.append(a)
    holding = threading.Thread(target=dawdle, args=(desk, ctx))
    holding.start()
    eventually(lambda: server.busy)
    with pytest.raises(DeadlineExceeded):
        desk.add(ctx, timeout=0.1, a=1)
    clerk.gate.set()
    holding.join()
    assert broker.drain()
    assert ran == []


def test_many_callers_at_once_get_their_own_answers(brokers, ctx, host):
    brokers().serve(Desk, Clerk(), host=host, workers=4)
    desk = brokers().client(Desk, host=host)
    found = {}

    def ask(n):
        found[n] = [desk.add(ctx, a=n, b=k) for k in range(10)]

    threads = [threading.Thread(target=ask, args=(n * 100,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {n * 100: [n * 100 + k for k in range(10)] for n in range(8)}


def test_casts_run_on_a_few_threads_and_drain_waits_for_them(brokers, ctx, host):
    broker, clerk = brokers(), Clerk()
    broker.serve(Desk, clerk, host=host, workers=3)
    desk = broker.client(Desk, host=host)
    for n in range(30):
        desk.note(ctx, number=n)
    eventually(lambda: len(clerk.notes) == 30)
    assert broker.drain()
    assert sorted(clerk.notes) == list(range(30))
    assert clerk.most_at_once <= 3


def test_a_shared_queue_gives_each_message_to_one_server(brokers, ctx):
    clerks = [Clerk(), Clerk()]
    for clerk in clerks:
        brokers().serve(Desk, clerk)
    desk = brokers().client(Desk)
    for n in range(40):
        desk.note(ctx, number=n)
    eventually(lambda: sum(len(clerk.notes) for clerk in clerks) == 40)
    assert sorted(clerks[0].notes + clerks[1].notes) == list(range(40))
    assert all(clerk.notes for clerk in clerks)


def test_a_host_gets_what_is_meant_for_it(brokers, ctx, host):
    here, there = Clerk(), Clerk()
    broker = brokers()
    broker.serve(Desk, here, host=host)
    broker.serve(Desk, there, host=f'{host}-2')
    brokers().client(Desk, host=host).note(ctx, number=1)
    eventually(lambda: here.notes == [1])
    assert there.notes == []


def test_a_fanout_reaches_every_server(brokers, ctx, host):
    clerks = [Clerk() for _ in range(3)]
    brokers().serve(Desk, clerks[0], host=host)
    second = brokers()
    second.serve(Desk, clerks[1], host=f'{host}-2')
    second.serve(Desk, clerks[2])
    brokers().client(Desk).shout(ctx, text='fire')
    eventually(lambda: all(clerk.heard == ['fire'] for clerk in clerks))


def test_a_fanout_to_nobody_is_no_error(brokers, ctx):
    class Lonely(Desk.__base__, topic='lonely'):
        shout = Desk.shout

    brokers().client(Lonely).shout(ctx, text='hello')


def test_a_message_for_a_host_that_is_not_there_waits_once_the_host_was_seen(brokers, ctx, host):
    first = brokers()
    keeper = brokers()  # another process, so that the world in memory goes on
    keeper.serve(Desk, Clerk(), host=f'{host}-keeper')
    first.serve(Desk, Clerk(), host=host)
    first.close(1.0)
    keeper.client(Desk, host=host).note(ctx, number=7)
    clerk = Clerk()
    brokers().serve(Desk, clerk, host=host)
    eventually(lambda: clerk.notes == [7])


def test_a_stopped_server_takes_nothing_and_finishes_what_it_has(brokers, ctx, host):
    broker, clerk = brokers(), Clerk()
    server = broker.serve(Desk, clerk, host=host)
    desk = broker.client(Desk, host=host)
    waiting = threading.Thread(target=dawdle, args=(desk, ctx))
    waiting.start()
    eventually(lambda: server.busy)
    threading.Timer(0.05, clerk.gate.set).start()
    server.stop(5.0)
    assert not server.busy
    waiting.join()
    with pytest.raises(PileusError):
        desk.add(ctx, timeout=0.3, a=1)


def test_no_token_and_no_password_travels(brokers, ctx, host, monkeypatch):
    seen = []
    broker = brokers()
    monkeypatch.setattr(broker._speaker, 'publish', lambda data, **rest: seen.append(json.loads(data)))
    broker.client(Desk, host=host).note(ctx, number=1)
    assert seen[0]['context'] == {'request_id': 'req-own', 'global_request_id': 'req-chain', 'user_id': 'u1', 'roles': ['admin']}


def test_closing_ends_all_threads(brokers, ctx, host):
    broker = brokers()
    broker.serve(Desk, Clerk(), host=host)
    broker.client(Desk, host=host).add(ctx, a=1)
    thread = broker._listener._thread
    broker.close(1.0)
    assert not thread.is_alive()
