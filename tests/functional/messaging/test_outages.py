"""RabbitMQ stopped, wiped and stuck; readers killed. Messages may be late, senders never hang."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import kombu
import pytest

from common.errors import PileusError, Unavailable
from common.messaging import Broker
from tests.brokers import RabbitMq, missing
from tests.functional.messaging.conftest import Clerk, Desk, eventually


@pytest.fixture(scope='module')
def own():
    """A RabbitMQ that this module may stop."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    node = RabbitMq()
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture
def broker(own):
    made = Broker(own.url)
    yield made
    made.close(0.5)


def answers(desk, ctx):
    try:
        return desk.add(ctx, timeout=1.0, a=1) == 1
    except PileusError:
        return False


def test_everything_goes_on_after_a_restart(own, broker, ctx, host, caplog):
    clerk = Clerk()
    broker.serve(Desk, clerk, host=host)
    desk = broker.client(Desk, host=host)
    assert desk.add(ctx, a=1) == 1
    own.stop()
    with pytest.raises(Unavailable):
        for _ in range(3):
            desk.add(ctx, timeout=1.0, a=1)
    for n in range(20):
        desk.note(ctx, number=n)  # dropped, each at once
    assert 'is not sent' in caplog.text
    own.start()
    eventually(lambda: answers(desk, ctx), 60)
    desk.note(ctx, number=99)
    eventually(lambda: 99 in clerk.notes)


def test_everything_goes_on_after_the_broker_has_forgotten_all(own, broker, ctx, host):
    broker.serve(Desk, Clerk(), host=host)
    desk = broker.client(Desk, host=host)
    assert desk.add(ctx, a=1) == 1
    for verb in ('stop_app', 'reset', 'start_app'):
        own.control(verb)
    eventually(lambda: answers(desk, ctx), 60)


def test_a_server_may_start_before_the_broker(own, ctx, host):
    own.stop()
    broker, clerk = Broker(own.url), Clerk()
    try:
        waiting = threading.Thread(target=lambda: broker.serve(Desk, clerk, host=host))
        waiting.start()
        own.start()
        waiting.join(60)
        eventually(lambda: answers(broker.client(Desk, host=host), ctx), 60)
    finally:
        broker.close(0.5)


def test_whoever_waits_for_an_answer_hears_when_the_connection_is_lost(own, broker, ctx, host):
    clerk, outcome = Clerk(), []
    broker.serve(Desk, clerk, host=host)
    desk = broker.client(Desk, host=host)

    def ask():
        try:
            desk.dawdle(ctx, timeout=300)
        except PileusError as error:
            outcome.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    eventually(lambda: broker._waiting)
    own.stop()
    waiting.join(60)
    clerk.gate.set()
    own.start()
    assert [type(error) for error in outcome] == [Unavailable]


KILLED = """
import os, sys, time
sys.path[:0] = sys.path_extra = sys.argv[3].split(os.pathsep)
import tests.functional.messaging.conftest as fixtures
from common.messaging import Broker
fixtures.Desk.topic = sys.argv[2]
class Clerk(fixtures.Clerk):
    def note(self, ctx, number):
        print('got', number, flush=True)
        time.sleep(60)
Broker(sys.argv[1], redeliveries=int(sys.argv[5])).serve(fixtures.Desk, Clerk(), host=sys.argv[4])
print('ready', flush=True)
time.sleep(60)
"""


def doomed(own, host, redeliveries=5):
    """A process that takes a note and never finishes it."""
    words = [own.url, Desk.topic, os.pathsep.join(filter(None, sys.path)), host, str(redeliveries)]
    return subprocess.Popen([sys.executable, '-c', KILLED, *words], stdout=subprocess.PIPE, text=True)


def await_line(process, wanted):
    for line in process.stdout:
        if line == wanted:
            return
    raise AssertionError(f'the process ended without saying {wanted!r}')


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_message_in_the_hand_of_a_killed_process_is_delivered_again(own, broker, ctx, host):
    process = doomed(own, host)
    await_line(process, 'ready\n')
    broker.client(Desk, host=host).note(ctx, number=7)
    await_line(process, 'got 7\n')
    kill(process)
    clerk = Clerk()
    broker.serve(Desk, clerk, host=host)
    eventually(lambda: clerk.notes == [7])


def test_a_message_that_kills_its_readers_becomes_a_dead_letter(own, broker, ctx, host):
    letters = broker.dead_letters()
    letters.purge()
    process = doomed(own, host, redeliveries=1)
    await_line(process, 'ready\n')
    broker.client(Desk, host=host).note(ctx, number=13)
    await_line(process, 'got 13\n')
    kill(process)
    process = doomed(own, host, redeliveries=1)
    await_line(process, 'got 13\n')
    kill(process)
    eventually(lambda: letters.count() == 1, 30)
    (letter,) = letters.list()
    assert (letter.reason, letter.method, letter.request_id) == ('delivery_limit', f'{Desk.topic}.note', 'req-own')
    assert letter.queue == f'{Desk.topic}.{host}'
    assert letters.count() == 1  # looking does not take it away
    assert letters.purge() == 1
    assert letters.count() == 0


def test_what_cannot_be_read_becomes_a_dead_letter(own, broker, ctx, host):
    broker.serve(Desk, Clerk(), host=host)
    broker.dead_letters().purge()
    with kombu.Connection(own.url) as connection:
        kombu.Producer(connection.channel()).publish(b'\x80pickle', routing_key=f'{Desk.topic}.{host}', content_type='application/json')
    eventually(lambda: broker.dead_letters().count() == 1, 30)
    assert broker.dead_letters().list()[0].method == 'unreadable'
    assert broker.client(Desk, host=host).add(ctx, a=1) == 1
    broker.dead_letters().purge()


def test_a_broker_that_accepts_and_says_nothing_holds_nobody_up(ctx, host, caplog):
    with socket.create_server(('127.0.0.1', 0)) as mute:
        broker = Broker(f'amqp://guest:guest@127.0.0.1:{mute.getsockname()[1]}//', publish_timeout=0.3)
        desk = broker.client(Desk, host=host)
        done = threading.Event()

        def speak():
            for n in range(10):
                desk.note(ctx, number=n)
            with pytest.raises(Unavailable):
                desk.add(ctx, a=1)
            done.set()

        threading.Thread(target=speak, daemon=True).start()
        assert done.wait(60)
        assert caplog.text.count('is not sent') == 10
        began = time.monotonic()
        broker.close(0.5)
        assert time.monotonic() - began < 20
