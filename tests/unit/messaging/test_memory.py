"""The in-memory transport and the pool of threads."""

from __future__ import annotations

import threading
import time
import uuid

import kombu
import pytest

from common.messaging import local
from common.messaging.pool import Pool


@pytest.fixture
def connect():
    name = uuid.uuid4().hex
    made = []

    def new(other=name):
        connection = kombu.Connection(transport='pileus-memory', virtual_host=other)
        connection.ensure_connection(max_retries=0)
        made.append(connection)
        return connection

    yield new
    for connection in made:
        connection.release()


def send(connection, queue, body):
    kombu.Producer(connection.channel()).publish(body, routing_key=queue, serializer='json')


def consume(connection, queue, into, **rest):
    channel = connection.channel()
    consumer = kombu.Consumer(channel, [kombu.Queue(queue, **rest)], no_ack=True, callbacks=[lambda body, message: into.append(body)])
    consumer.consume()
    return consumer


def test_a_message_wakes_whoever_waits(connect):
    got = []
    reader, writer = connect(), connect()
    consume(reader, 'q', got)
    thread = threading.Thread(target=lambda: reader.drain_events(timeout=10))
    thread.start()
    send(writer, 'q', {'n': 1})
    thread.join(60)
    assert got == [{'n': 1}]


def test_messages_wait_for_their_reader_in_order(connect):
    got = []
    reader, writer = connect(), connect()
    kombu.Queue('q')(reader.channel()).declare()
    for n in range(5):
        send(writer, 'q', n)
    consume(reader, 'q', got)
    for _ in range(5):
        reader.drain_events(timeout=1)
    assert got == [0, 1, 2, 3, 4]


def test_a_message_for_nobody_is_dropped(connect):
    writer = connect()
    send(writer, 'nowhere', 1)
    assert 'nowhere' not in writer.transport.host.queues
    assert writer.transport.host.pending() == 0


def test_names_are_worlds_of_their_own(connect):
    here, there = [], []
    one, other = connect(), connect('other' + uuid.uuid4().hex)
    consume(one, 'q', here)
    consume(other, 'q', there)
    send(one, 'q', 'x')
    one.drain_events(timeout=1)
    with pytest.raises(TimeoutError):
        other.drain_events(timeout=0.01)
    assert (here, there) == (['x'], [])


def test_two_readers_share_a_queue(connect):
    first, second = [], []
    one, two, writer = connect(), connect(), connect()
    consume(one, 'q', first)
    consume(two, 'q', second)
    for n in range(4):
        send(writer, 'q', n)
    for connection in (one, two, one, two):
        connection.drain_events(timeout=1)
    assert sorted(first + second) == [0, 1, 2, 3]
    assert first and second


def test_a_fanout_reaches_everybody(connect):
    exchange = kombu.Exchange('all', 'fanout')
    first, second = [], []
    one, two, writer = connect(), connect(), connect()
    consume(one, 'f1', first, exchange=exchange, exclusive=True)
    consume(two, 'f2', second, exchange=exchange, exclusive=True)
    kombu.Producer(writer.channel()).publish('x', exchange=exchange, declare=[exchange], serializer='json')
    one.drain_events(timeout=1)
    two.drain_events(timeout=1)
    assert first == second == ['x']


def test_the_own_queue_of_a_connection_goes_with_it(connect):
    one, writer = connect(), connect()
    consume(one, 'mine', [], exclusive=True)
    consume(one, 'shared', [])
    assert {'mine', 'shared'} <= writer.transport.host.queues.keys()
    one.release()
    assert set(writer.transport.host.queues) == {'shared'}


def test_the_last_connection_takes_its_world_along():
    name = uuid.uuid4().hex
    connection = kombu.Connection(transport='pileus-memory', virtual_host=name)
    connection.ensure_connection(max_retries=0)
    kombu.Queue('q')(connection.channel()).declare()
    assert name in local._hosts
    connection.release()
    assert name not in local._hosts


def test_waking_ends_a_wait(connect):
    reader = connect()
    consume(reader, 'q', [])
    timer = threading.Timer(0.02, reader.transport.wake)
    timer.start()
    with pytest.raises(TimeoutError):
        reader.drain_events(timeout=30)


def test_delivery_does_not_slow_down_with_the_number_of_queues(connect):
    """Two thousand idle queues: a poll of each for every message would take a hundred times as long."""
    got = []
    reader, writer = connect(), connect()
    channel = reader.channel()
    for n in range(2000):
        kombu.Consumer(channel, [kombu.Queue(f'idle.{n}')], no_ack=True, on_message=print).consume()
    consume(reader, 'busy', got)
    looked = []
    reader.transport.host.queues = Watched(reader.transport.host.queues, looked)
    for n in range(10):
        send(writer, 'busy', n)
        reader.drain_events(timeout=1)
    assert got == list(range(10))
    assert not [name for name in looked if name.startswith('idle')]


class Watched(dict):
    """Notes which queues are looked at."""

    def __init__(self, queues, looked):
        super().__init__(queues)
        self._looked = looked

    def get(self, name, default=None):
        self._looked.append(name)
        return super().get(name, default)


def test_the_pool_runs_up_to_its_size_at_a_time():
    pool, gate, running, peak = Pool(3), threading.Event(), [], []
    done = threading.Semaphore(0)

    def work():
        running.append(1)
        peak.append(len(running))
        gate.wait(10)
        running.pop()
        done.release()

    for _ in range(10):
        pool.submit(work)
    gate.set()
    for _ in range(10):
        assert done.acquire(timeout=60)
    assert max(peak) <= 3
    pool.close()


def test_the_pool_survives_what_is_raised(caplog):
    pool, done = Pool(1), threading.Event()
    pool.submit(lambda: 1 / 0)
    pool.submit(done.set)
    assert done.wait(60)
    assert 'ZeroDivisionError' in caplog.text
    pool.close()


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_idle_threads_are_used_again():
    pool, names = Pool(8), []
    for _ in range(5):
        pool.submit(lambda: names.append(threading.get_ident()))
        until(lambda: pool._idle == 1)
    assert len(names) == 5 and len(set(names)) == 1
    pool.close()


def test_idle_threads_end_after_a_while(monkeypatch):
    monkeypatch.setattr('common.messaging.pool.IDLE_SECONDS', 0.05)
    pool = Pool(8)
    for _ in range(2):
        done = threading.Event()
        pool.submit(done.set)
        assert done.wait(60)
        until(lambda: pool._threads == 0)
    pool.close()
