"""The HTTP server: framing, keeping connections, odd clients, files, and a graceful end."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import socket
import threading
import time

import pytest
import requests

from common.errors import Unavailable
from common.service.wsgi import FileBody, HttpServer, listen


class App:
    """Does what the path says."""

    def __init__(self):
        self.closed = []
        self.gate = threading.Event()
        self.entered = threading.Event()

    def __call__(self, environ, start):
        return getattr(self, environ['PATH_INFO'].strip('/') or 'hello')(environ, start)

    def hello(self, environ, start):
        start('200 OK', [('Content-Type', 'text/plain')])
        return [b'hello']

    def peer(self, environ, start):
        start('200 OK', [])
        return [environ['REMOTE_PORT'].encode()]

    def echo(self, environ, start):
        data = environ['wsgi.input'].read()
        start('200 OK', [('X-Length', str(len(data)))])
        return [data]

    def lines(self, environ, start):
        found = list(environ['wsgi.input'])
        start('200 OK', [])
        return [str(len(found)).encode()]

    def deaf(self, environ, start):
        start('403 Forbidden', [])
        return [b'no']

    def environ(self, environ, start):
        start('200 OK', [])
        names = ('REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'HTTP_X_A', 'HTTP_HOST', 'CONTENT_TYPE', 'HTTP_COOKIE', 'SERVER_PROTOCOL')
        return ['\n'.join(f'{name}={environ.get(name)}' for name in names).encode('latin-1')]

    def pieces(self, environ, start):
        start('200 OK', [])

        class Pieces:
            def __iter__(inner):
                yield b'one'
                yield b''
                yield b'two' * 50_000

            def close(inner):
                self.closed.append('pieces')

        return Pieces()

    def late(self, environ, start):
        start('200 OK', [])
        yield b'late'

    def short(self, environ, start):
        start('200 OK', [('Content-Length', '10')])
        return iter([b'abc'])

    def long(self, environ, start):
        start('200 OK', [('Content-Length', '3')])
        return iter([b'abc', b'def'])

    def split(self, environ, start):
        start('200 OK', [('X-Bad', 'a\r\nX-Evil: 1')])
        return [b'']

    def broken(self, environ, start):
        raise RuntimeError('the password is hunter2')

    def midway(self, environ, start):
        start('200 OK', [])
        yield b'begun'
        raise RuntimeError('the password is hunter2')

    def empty(self, environ, start):
        start('204 No Content', [])
        return []

    def none(self, environ, start):
        start('200 OK', [])
        return iter([])

    def transfer(self, environ, start):
        if not environ['pileus.take_long']():
            start('503 Service Unavailable', [])
            return [b'']
        return self.wait(environ, start)

    def wait(self, environ, start):
        self.entered.set()
        assert self.gate.wait(120)
        start('200 OK', [])
        return [b'done']


@pytest.fixture
def app():
    return App()


@pytest.fixture
def server(app):
    made = HttpServer(app, '127.0.0.1', 0, threads=4)
    made.start()
    yield made
    app.gate.set()
    made.stop(1.0)


@pytest.fixture
def url(server):
    return f'http://127.0.0.1:{server.port}'


@pytest.fixture
def session():
    with requests.Session() as made:
        made.trust_env = False
        yield made


class Raw:
    """A connection that sends bytes as they are."""

    def __init__(self, server):
        self.sock = socket.create_connection(('127.0.0.1', server.port), timeout=60)
        self.file = self.sock.makefile('rb')

    def send(self, data):
        self.sock.sendall(data)
        return self

    def answer(self):
        """(status, headers, body) of the next answer; None at the end of the connection."""
        status = self.file.readline()
        if not status:
            return None
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.partition(b': ')
            headers[name.lower().decode()] = value.decode()
        if headers.get('transfer-encoding') == 'chunked':
            body = b''
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            body = self.file.read(int(headers.get('content-length', 0)))
        return int(status.split()[1]), headers, body

    def ended(self):
        try:
            return self.file.read(1) == b''
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def raw(server):
    with contextlib.ExitStack() as stack:

        def new():
            made = Raw(server)
            stack.callback(made.close)
            return made

        yield new


HOST = b'Host: h\r\n'


def test_a_connection_is_kept(server, session, url, raw):
    connection = raw()
    for _ in range(5):
        assert connection.send(b'GET / HTTP/1.1\r\n' + HOST + b'\r\n').answer()[2] == b'hello'
    peers = {session.get(f'{url}/peer').text for _ in range(5)}
    assert len(peers) == 1, 'what a usual client does'


def test_lengths_are_announced_where_they_are_known(session, url):
    assert session.get(url).headers['Content-Length'] == '5'
    answer = session.get(f'{url}/pieces')
    assert answer.headers['Transfer-Encoding'] == 'chunked'
    assert answer.content == b'one' + b'two' * 50_000
    assert session.get(f'{url}/none').headers['Content-Length'] == '0'
    assert 'Content-Length' not in session.get(f'{url}/empty').headers
    assert session.get(f'{url}/late').text == 'late'


def test_head_has_no_body(raw):
    connection = raw().send(b'HEAD / HTTP/1.1\r\n' + HOST + b'\r\n' + b'GET / HTTP/1.1\r\n' + HOST + b'\r\n')
    head = connection.file.readline()
    assert b'200' in head
    while connection.file.readline().strip():
        pass
    assert connection.answer()[2] == b'hello'


def test_the_iterable_is_closed(app, session, url):
    session.get(f'{url}/pieces')
    eventually(lambda: app.closed)  # the client has it all a moment earlier
    assert app.closed == ['pieces']


def test_requests_that_came_together_are_answered_in_order(raw):
    connection = raw().send((b'POST /echo HTTP/1.1\r\n' + HOST + b'Content-Length: 3\r\n\r\none') + b'GET / HTTP/1.1\r\n' + HOST + b'\r\n')
    assert connection.answer()[2] == b'one'
    assert connection.answer()[2] == b'hello'


def test_a_head_in_small_pieces(raw):
    connection = raw()
    for byte in b'GET / HTTP/1.1\r\nHost: h\r\n\r\n':
        connection.send(bytes([byte]))
    assert connection.answer()[0] == 200


def test_slow_clients_take_no_threads(raw, session, url):
    """More half-sent requests than there are threads: others are served all the same."""
    slow = [raw().send(b'GET / HTTP/1.1\r\nHos') for _ in range(12)]
    assert session.get(url, timeout=60).text == 'hello'
    for connection in slow:
        connection.send(b't: h\r\n\r\n')
    assert all(connection.answer()[0] == 200 for connection in slow)


@pytest.mark.parametrize('size', [0, 1, 65536, 3_000_001])
def test_bodies_of_all_sizes(session, url, size):
    data = os.urandom(size)
    assert session.post(f'{url}/echo', data=data).content == data
    assert session.post(f'{url}/echo', data=iter([data[: size // 2], data[size // 2 :]] if size else [])).content == data


def test_a_chunked_body_in_odd_pieces(raw):
    head = b'POST /echo HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: Chunked\r\n\r\n'
    connection = raw()
    for byte in head + b'3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\n' + HOST + b'\r\n':
        connection.send(bytes([byte]))
    assert connection.answer()[2] == b'abc0123456789'
    assert connection.answer()[2] == b'hello'


def test_reading_by_lines(session, url):
    assert session.post(f'{url}/lines', data=b'a\nb\n\nc').text == '4'
    assert session.post(f'{url}/lines', data=iter([b'a\nb', b'b\nc\n'])).text == '3'


def test_continue_is_said_when_the_body_is_wanted(raw):
    connection = raw().send(b'POST /echo HTTP/1.1\r\n' + HOST + b'Content-Length: 3\r\nExpect: 100-continue\r\n\r\n')
    assert connection.file.readline() == b'HTTP/1.1 100 Continue\r\n'
    assert connection.file.readline() == b'\r\n'
    assert connection.send(b'abc').answer()[2] == b'abc'


def test_continue_is_not_said_when_the_body_is_not_wanted(raw):
    connection = raw().send(b'POST /deaf HTTP/1.1\r\n' + HOST + b'Content-Length: 3\r\nExpect: 100-continue\r\n\r\n')
    assert connection.answer()[0] == 403
    assert connection.ended()


def test_a_body_that_nobody_reads_is_skipped(raw, session, url, monkeypatch):
    monkeypatch.setattr('common.service.http_connection.SKIP_SECONDS', 120.0)
    connection = raw().send(b'POST /deaf HTTP/1.1\r\n' + HOST + b'Content-Length: 100000\r\n\r\n' + b'x' * 100_000)
    assert connection.answer()[0] == 403
    assert connection.send(b'GET / HTTP/1.1\r\n' + HOST + b'\r\n').answer()[2] == b'hello'
    for data in (b'x' * 10_000_000, (b'x' * 100_000 for _ in range(50))):
        assert session.post(f'{url}/deaf', data=data).status_code == 403


def test_old_clients(raw):
    connection = raw().send(b'GET /pieces HTTP/1.0\r\n\r\n')
    assert b' 200 ' in connection.file.readline()
    assert connection.file.read().endswith(b'two')
    kept = raw().send(b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    assert kept.answer()[1]['connection'] == 'keep-alive'
    assert kept.send(b'GET / HTTP/1.0\r\n\r\n').answer()[1]['connection'] == 'close'
    assert kept.ended()


@pytest.mark.parametrize(
    ('request_', 'status'),
    [
        (b'GET / HTTP/1.1\r\n\r\n', 400),
        (b'GET / HTTP/2.0\r\nHost: h\r\n\r\n', 505),
        (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
        (b'GET /\r\n\r\n', 400),
        (b'get / HTTP/1.1\r\nHost: h\r\n\r\n', 400),
        (b'GET  / HTTP/1.1\r\nHost: h\r\n\r\n', 400),
        (b'GET x HTTP/1.1\r\nHost: h\r\n\r\n', 400),
        (b'GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n', 400),
        (b'GET /#x HTTP/1.1\r\nHost: h\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost : h\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\nA: b\nc: d\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400),
        (b'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n', 501),
        (b'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n', 501),
        (b'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n', 400),
        (b'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\nHost: h\r\n' + b'A: b\r\n' * 300 + b'\r\n', 431),
        (b'GET /' + b'a' * 70_000 + b' HTTP/1.1\r\nHost: h\r\n\r\n', 431),
    ],
)
def test_what_could_be_read_two_ways_is_refused(raw, request_, status):
    connection = raw().send(request_)
    found = connection.answer()
    assert found[0] == status, found
    assert found[1]['connection'] == 'close'
    assert connection.ended()


@pytest.mark.parametrize(
    'body',
    [
        b'zz\r\nabc\r\n0\r\n\r\n',
        b'-5\r\nabc\r\n0\r\n\r\n',
        b'0x3\r\nabc\r\n0\r\n\r\n',
        b'3\r\nabcdef\r\n0\r\n\r\n',
        b'3\nabc\n0\n\n' + b' ' * 2000,
        b'',
    ],
)
def test_after_a_broken_chunk_nothing_of_the_connection_is_believed(raw, body):
    connection = raw().send(
        b'POST /deaf HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n' + body + b'GET / HTTP/1.1\r\n' + HOST + b'\r\n'
    )
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.answer()[0] == 403
    assert connection.ended()


def test_headers_that_only_look_alike_are_not_taken_for_each_other(raw):
    found = raw().send(b'GET /environ HTTP/1.1\r\n' + HOST + b'X_A: evil\r\nx-a:  1 \r\nX-A: 2\r\nCookie: a\r\nCookie: b\r\n\r\n').answer()
    assert b'HTTP_X_A=1, 2\n' in found[2]
    assert b'HTTP_COOKIE=a; b\n' in found[2]
    assert b'evil' not in found[2]


def test_targets(raw):
    for target, path, query in (
        (b'/environ?a=%20b&c', b'/environ', b'a=%20b&c'),
        (b'http://other/environ?x', b'/environ', b'x'),
        (b'/%65nviron', b'/environ', b''),
    ):
        found = raw().send(b'GET ' + target + b' HTTP/1.1\r\n' + HOST + b'\r\n').answer()[2]
        assert b'PATH_INFO=' + path + b'\n' in found
        assert b'QUERY_STRING=' + query + b'\n' in found


def test_a_failing_application_is_a_500_without_its_words(session, url, caplog):
    answer = session.get(f'{url}/broken')
    assert answer.status_code == 500
    assert 'hunter2' not in answer.text
    assert 'hunter2' in caplog.text


@pytest.mark.parametrize('path', ['midway', 'short'])
def test_an_answer_that_breaks_off_does_not_look_whole(session, url, path):
    with pytest.raises(requests.exceptions.RequestException):
        session.get(f'{url}/{path}')
    assert session.get(url).text == 'hello'


def test_no_more_than_was_announced(raw):
    connection = raw().send(b'GET /long HTTP/1.1\r\n' + HOST + b'\r\n')
    assert connection.answer()[2] == b'abc'
    assert connection.ended()


def test_a_header_cannot_be_smuggled_into_an_answer(session, url):
    answer = session.get(f'{url}/split')
    assert answer.status_code == 500
    assert 'X-Evil' not in answer.headers


def test_files_are_sent_whole_and_in_part(session, tmp_path):
    data = os.urandom(5_000_000)
    path = tmp_path / 'file'
    path.write_bytes(data)
    opened = []

    def app(environ, start):
        file = path.open('rb')
        opened.append(file)
        first, size = (1000, 2_000_000) if environ['QUERY_STRING'] else (0, len(data))
        file.seek(first)
        start('200 OK', [('Content-Length', str(size))])
        return FileBody(file, size)

    server = HttpServer(app, '127.0.0.1', 0)
    server.start()
    url = f'http://127.0.0.1:{server.port}'
    assert session.get(url).content == data
    assert session.get(f'{url}?part').content == data[1000:2_001_000]
    assert session.head(url).headers['Content-Length'] == str(len(data))
    server.stop(1.0)
    assert len(opened) == 3
    eventually(lambda: all(file.closed for file in opened))


def test_a_file_without_a_descriptor_or_a_length(session):
    def app(environ, start):
        start('200 OK', [('Content-Length', '6')] if environ['QUERY_STRING'] else [])
        return FileBody(io.BytesIO(b'abcdef'))

    server = HttpServer(app, '127.0.0.1', 0)
    server.start()
    assert session.get(f'http://127.0.0.1:{server.port}').content == b'abcdef'
    assert session.get(f'http://127.0.0.1:{server.port}?x').content == b'abcdef'
    server.stop(1.0)


def test_a_client_that_leaves_in_the_middle_hurts_nobody(raw, session, url):
    for path in (b'/pieces', b'/echo'):
        connection = raw().send(b'POST ' + path + b' HTTP/1.1\r\n' + HOST + b'Content-Length: 100\r\n\r\nabc')
        connection.close()
    for _ in range(4):
        assert session.get(url).text == 'hello'


def test_a_request_in_hand_is_finished_at_the_end(app, server, session, url):
    answers = []
    asking = threading.Thread(target=lambda: answers.append(requests.get(f'{url}/wait', timeout=60)))
    idle = Raw(server)
    idle.send(b'GET / HTTP/1.1\r\n' + HOST + b'\r\n').answer()
    asking.start()
    assert app.entered.wait(60)
    stopping = threading.Thread(target=lambda: server.stop(60.0))
    stopping.start()
    assert idle.ended()
    eventually(lambda: refused(server.port))
    app.gate.set()
    asking.join(60)
    stopping.join(60)
    idle.close()
    assert [answer.text for answer in answers] == ['done']
    assert answers[0].headers['Connection'] == 'close'
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == f'http-{server.port}'])


def refused(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


def test_silent_connections_are_closed_and_the_busiest_kept(app, server, raw, session, url, monkeypatch):
    busy, connection = raw().send(b'GET /wait HTTP/1.1\r\n' + HOST + b'\r\n'), raw()
    assert app.entered.wait(60)
    connection.send(b'GET / HTTP/1.1\r\n' + HOST + b'\r\n').answer()
    with monkeypatch.context() as soon:  # a later connection is silent too until its request has come
        soon.setattr('common.service.wsgi.IDLE_SECONDS', 0.0)
        soon.setattr('common.service.wsgi._LOOK_EVERY', 0.0)
        time.sleep(0.01)
        server._close_idle()
        assert connection.ended()
    app.gate.set()
    assert busy.answer()[2] == b'done'
    assert session.get(url).text == 'hello'


def test_there_is_room_for_a_new_connection(server, raw, monkeypatch):
    monkeypatch.setattr('common.service.wsgi.MOST_CONNECTIONS', 2)
    held = []
    for _ in range(4):
        held.append(raw())
        assert held[-1].send(b'GET / HTTP/1.1\r\n' + HOST + b'\r\n').answer()[0] == 200
        eventually(lambda: not any(one.busy for one in list(server._connections.values())))  # the client has it a moment earlier
    assert held[0].ended()
    assert len(server._connections) <= 2


def test_long_requests_keep_no_others_waiting(app, server, url, session, monkeypatch):
    monkeypatch.setattr('common.service.wsgi.MOST_LONG', 6)
    statuses = []
    asking = [threading.Thread(target=lambda: statuses.append(requests.get(f'{url}/transfer', timeout=60).status_code)) for _ in range(6)]
    for thread in asking:
        thread.start()
    eventually(lambda: server._long == 6)
    assert [session.get(f'{url}/hello', timeout=60).text for _ in range(8)] == ['hello'] * 8, 'more than the four threads are busy'
    assert session.get(f'{url}/transfer', timeout=60).status_code == 503, 'they are bounded'
    app.gate.set()
    for thread in asking:
        thread.join(60)
    assert statuses == [200] * 6
    eventually(lambda: server._long == 0)  # the clients have it all a moment earlier
    for _ in range(20):
        session.get(url)
    eventually(lambda: server._threads <= 4, lambda: session.get(url))


def test_bodies_that_do_not_come_keep_nobody_waiting(server, url, raw, session):
    begun = [raw().send(b'POST /echo HTTP/1.1\r\n' + HOST + b'Content-Length: 1000\r\n\r\n' + b'x' * n) for n in (0, 1, 10, 500, 999, 7)]
    assert [session.get(f'{url}/hello', timeout=60).text for _ in range(8)] == ['hello'] * 8, 'more than the four threads are asked for'
    for one, left in zip(begun, (1000, 999, 990, 500, 1, 993), strict=True):
        for _ in range(left // 300):
            one.send(b'x' * 300)
        status, _, body = one.send(b'x' * (left % 300)).answer()
        assert status == 200 and body == b'x' * 1000


def test_a_body_that_comes_with_its_head_or_behind_another_request(raw):
    one = b'POST /echo HTTP/1.1\r\n' + HOST + b'Content-Length: 5\r\n\r\n'
    connection = raw().send(one + b'first' + one + b'sec')
    assert connection.answer()[2] == b'first'
    assert connection.send(b'nd' + one.replace(b'5', b'0')[:-1]).answer()[2] == b'secnd'
    assert connection.send(b'\n').answer()[2] == b''


def test_who_sends_what_nobody_reads_is_not_waited_for(server, url, raw, session, monkeypatch):
    monkeypatch.setattr('common.service.http_connection.SKIP_SECONDS', 0.05)
    large = b'POST /deaf HTTP/1.1\r\n' + HOST + b'Content-Length: 900000\r\n\r\n'
    dripping = [raw().send(large + b'x') for _ in range(6)]
    assert [one.answer()[0] for one in dripping] == [403] * 6
    assert session.get(f'{url}/hello', timeout=60).text == 'hello'
    eventually(lambda: all(one.ended() for one in dripping))


def eventually(condition, between=lambda: None):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        between()
        time.sleep(0.01)


def test_threads_are_made_when_they_are_needed(app, server, url):
    requests.get(url, timeout=60)
    assert server._threads <= 2
    asking = [threading.Thread(target=lambda: requests.get(f'{url}/wait', timeout=60)) for _ in range(6)]
    for thread in asking:
        thread.start()
    eventually(lambda: server._threads >= 4)
    assert server._threads == 4
    app.gate.set()
    for thread in asking:
        thread.join(60)


def test_a_taken_port_is_named():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f'Port {port} of 127.0.0.1'):
            HttpServer(App(), '127.0.0.1', port).start()


def test_several_servers_share_a_port(session):
    first = HttpServer(App(), '127.0.0.1', 0, shared_port=True)
    first.start()
    second = HttpServer(App(), '127.0.0.1', first.port, shared_port=True)
    second.start()
    for _ in range(20):
        assert requests.get(f'http://127.0.0.1:{first.port}', timeout=60).text == 'hello'
    first.stop(1.0)
    assert requests.get(f'http://127.0.0.1:{second.port}', timeout=60).text == 'hello'
    second.stop(1.0)


def test_a_socket_that_somebody_else_opened():
    opened = listen('127.0.0.1', 0)
    servers = [HttpServer(App(), '127.0.0.1', 0, listener=opened.dup()) for _ in range(2)]
    for server in servers:
        server.start()
    port = opened.getsockname()[1]
    for _ in range(10):
        assert requests.get(f'http://127.0.0.1:{port}', timeout=60).text == 'hello'
    for server in servers:
        server.stop(1.0)
    opened.close()


def test_ipv6():
    if not pathlib.Path('/proc/net/if_inet6').exists():
        pytest.skip('this machine has no IPv6')
    try:
        server = HttpServer(App(), '::1', 0)
        server.start()
    except Unavailable as error:
        pytest.skip(error.message)
    assert requests.get(f'http://[::1]:{server.port}', timeout=60).text == 'hello'
    server.stop(1.0)
