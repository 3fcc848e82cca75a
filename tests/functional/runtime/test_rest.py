"""One service's client for another's API, in process and over HTTP: the same in both."""

from __future__ import annotations

import datetime
import json
import os
import socket
import threading

import pytest

from common import clock, errors
from common.context import Context
from common.errors import DeadlineExceeded, Unavailable
from common.rest import HttpTransport, InProcessTransport, RestClient
from common.rest.client import ServiceToken
from common.service.wsgi import HttpServer
from tests.ports import free_port


class Api:
    """An API that shows what it was asked, and fails as told."""

    def __init__(self):
        self.seen = []
        self.refuse_tokens = set()

    def __call__(self, environ, start):
        path = environ['PATH_INFO']
        body = environ['wsgi.input'].read()
        self.seen.append({name: value for name, value in environ.items() if isinstance(value, str)} | {'body': body})
        if environ.get('HTTP_X_AUTH_TOKEN') in self.refuse_tokens:
            return self.answer(start, '401 Unauthorized', {'error': {'message': 'No.', 'code': 401}})
        if path.startswith('/fail/'):
            return self.answer(start, f'{path[6:]} Failed', FAULTS[path[6:]])
        if path == '/stream':
            start('200 OK', [])
            return iter([b'a' * 100_000, b'b' * 100_000])
        if path == '/empty':
            start('204 No Content', [])
            return []
        if path == '/text':
            start('502 Bad Gateway', [])
            return [b'<html>proxy</html>']
        return self.answer(start, '200 OK', {'path': path, 'query': environ['QUERY_STRING'], 'size': len(body)})

    @staticmethod
    def answer(start, status, body):
        data = json.dumps(body).encode()
        start(status, [('Content-Type', 'application/json'), ('Content-Length', str(len(data)))])
        return [data]


FAULTS = {
    '400': {'NeutronError': {'type': 'BadRequest', 'message': 'The cidr is wrong.', 'detail': ''}},
    '401': {'error': {'code': 401, 'message': 'Who are you?'}},
    '403': {'forbidden': {'code': 403, 'message': "Policy doesn't allow it."}},
    '404': {'itemNotFound': {'code': 404, 'message': 'Server 5 could not be found.'}},
    '409': {'conflictingRequest': {'code': 409, 'message': 'It is locked.'}},
    '410': {'message': 'It is gone.'},
    '412': {'NeutronError': {'message': 'Not that revision.'}},
    '413': {'overLimit': {'message': 'Quota exceeded for volumes.'}},
    '429': {'overLimit': {'message': 'Slow down.'}},
    '500': {'computeFault': {'message': 'It broke.'}},
    '503': {'message': 'Later.'},
    '504': {'message': 'Too late.'},
}


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def server(api):
    made = HttpServer(api, '127.0.0.1', 0)
    made.start()
    yield made
    made.stop(1.0)


@pytest.fixture(params=['in process', 'http'])
def client(request, api, server):
    url = f'http://127.0.0.1:{server.port}'
    transport = HttpTransport() if request.param == 'http' else InProcessTransport({url: api}.get, HttpTransport)
    return RestClient(transport, url, 'the-token', 'compute')


def test_json_goes_in_and_out(client, api):
    assert client.get('/v2/x?a=b%20c') == {'path': '/v2/x', 'query': 'a=b%20c', 'size': 0}
    assert client.post('/v2/x', {'name': 'é'})['size'] == len(json.dumps({'name': 'é'}, separators=(',', ':')))
    assert json.loads(api.seen[-1]['body']) == {'name': 'é'}
    assert (api.seen[-1]['CONTENT_TYPE'], api.seen[-1]['HTTP_X_AUTH_TOKEN']) == ('application/json', 'the-token')
    assert client.delete('/empty') is None
    for verb in ('put', 'patch'):
        getattr(client, verb)('/v2/x', {})
        assert api.seen[-1]['REQUEST_METHOD'] == verb.upper()


def test_versions_and_headers(client, api):
    client.get('/x', version='2.60', headers={'X-Extra': '1'})
    assert (api.seen[-1]['HTTP_OPENSTACK_API_VERSION'], api.seen[-1]['HTTP_X_EXTRA']) == ('compute 2.60', '1')


def test_the_chain_of_requests_and_the_deadline_go_along(client, api):
    ctx = Context(request_id='req-b', global_request_id='req-a', deadline=clock.timestamp() + 700)
    client.with_context(ctx).get('/x')
    assert api.seen[-1]['HTTP_X_OPENSTACK_REQUEST_ID'] == 'req-a'
    assert 0 < float(api.seen[-1]['HTTP_X_PILEUS_DEADLINE']) <= 700
    with pytest.raises(DeadlineExceeded):
        client.with_context(ctx.but(deadline=clock.timestamp() - 1)).get('/x')


@pytest.mark.parametrize(
    ('status', 'kind', 'message'),
    [
        ('400', errors.InvalidInput, 'The cidr is wrong.'),
        ('401', errors.Unauthorized, 'Who are you?'),
        ('403', errors.Forbidden, "Policy doesn't allow it."),
        ('404', errors.NotFound, 'Server 5 could not be found.'),
        ('409', errors.Conflict, 'It is locked.'),
        ('410', errors.Gone, 'It is gone.'),
        ('412', errors.PreconditionFailed, 'Not that revision.'),
        ('413', errors.TooLarge, 'Quota exceeded for volumes.'),
        ('429', errors.TooManyRequests, 'Slow down.'),
        ('503', errors.Unavailable, 'Later.'),
        ('504', errors.DeadlineExceeded, 'Too late.'),
    ],
)
def test_faults_of_every_dialect_become_errors(client, status, kind, message):
    with pytest.raises(kind) as caught:
        client.get(f'/fail/{status}')
    assert caught.value.message == message


@pytest.mark.parametrize('path', ['/fail/500', '/text'])
def test_a_defect_of_another_service_is_not_told_to_the_user(client, path):
    with pytest.raises(Unavailable) as caught:
        client.get(path)
    assert 'broke' not in caught.value.message
    assert 'proxy' not in caught.value.message


def test_streams_both_ways(client, api):
    assert b''.join(client.stream('/stream')) == b'a' * 100_000 + b'b' * 100_000
    with pytest.raises(errors.NotFound):
        client.stream('/fail/404')
    data = os.urandom(300_000)
    assert client.put('/x', data=iter([data[:1000], data[1000:]]))['size'] == 300_000
    assert api.seen[-1]['body'] == data
    assert client.put('/x', data=data)['size'] == 300_000


def test_nobody_answers():
    client = RestClient(HttpTransport(), f'http://127.0.0.1:{free_port()}', 't', 'compute')
    with pytest.raises(Unavailable) as caught:
        client.get('/x')
    assert '127.0.0.1' not in caught.value.message


def test_an_answer_that_comes_too_late():
    with socket.create_server(('127.0.0.1', 0)) as mute:
        client = RestClient(HttpTransport(), f'http://127.0.0.1:{mute.getsockname()[1]}', 't', 'compute')
        with pytest.raises(DeadlineExceeded):
            client.get('/x', timeout=0.2)


def test_a_stream_that_breaks_off():
    def half(environ, start):
        start('200 OK', [('Content-Length', '1000')])
        return iter([b'x' * 10])

    server = HttpServer(half, '127.0.0.1', 0)
    server.start()
    client = RestClient(HttpTransport(), f'http://127.0.0.1:{server.port}', 't', 'compute')
    with pytest.raises(Unavailable):
        b''.join(client.stream('/x'))
    server.stop(1.0)


@pytest.mark.parametrize('ranges', [True, False], ids=['a server of parts', 'a server that gives all'])
def test_a_stream_goes_on_from_a_byte_on(ranges):
    data = bytes(range(256)) * 20
    asked = []

    def api(environ, start):
        asked.append(environ.get('HTTP_RANGE'))
        first = int((environ.get('HTTP_RANGE') or 'bytes=0-')[6:-1]) if ranges else 0
        start('206 Partial Content' if first else '200 OK', [('Content-Length', str(len(data) - first))])
        return iter([data[n : n + 1000] for n in range(first, len(data), 1000)])

    server = HttpServer(api, '127.0.0.1', 0)
    server.start()
    client = RestClient(HttpTransport(), f'http://127.0.0.1:{server.port}', 't', 'image')
    assert b''.join(client.stream('/x')) == data
    assert b''.join(client.stream('/x', offset=2500)) == data[2500:]
    assert asked == [None, 'bytes=2500-']
    server.stop(1.0)


def test_another_token_acts_as_its_user(api, client):
    client.acting_as('of-a-user').get('/x')
    client.get('/x')
    assert [one['HTTP_X_AUTH_TOKEN'] for one in api.seen[-2:]] == ['of-a-user', 'the-token']


def test_the_environment_has_no_say(client, monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:1')
    monkeypatch.setenv('HTTP_PROXY', 'http://127.0.0.1:1')
    assert client.get('/x')['path'] == '/x'


class Identity:
    """Gives a numbered token each time, good for `seconds`."""

    def __init__(self, seconds=3600.0, status='201 Created'):
        self.asked, self.seconds, self.status = [], seconds, status

    def __call__(self, environ, start):
        self.asked.append(json.loads(environ['wsgi.input'].read()))
        text = datetime.datetime.fromtimestamp(clock.timestamp() + self.seconds, datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S.000000Z')
        start(self.status, [('X-Subject-Token', f'token-{len(self.asked)}')])
        return [json.dumps({'token': {'expires_at': text}}).encode()]


def service_token(identity):
    return ServiceToken(
        InProcessTransport({'http://identity': identity}.get, HttpTransport), 'http://identity', 'compute', 'secret', 'service'
    )


def test_a_service_signs_in_once(api):
    identity = Identity()
    token = service_token(identity)
    client = RestClient(InProcessTransport({'http://api': api}.get, HttpTransport), 'http://api', token, 'compute')
    for _ in range(3):
        client.get('/x')
    assert [one['HTTP_X_AUTH_TOKEN'] for one in api.seen] == ['token-1'] * 3
    (asked,) = identity.asked
    assert asked['auth']['identity']['password']['user'] == {'name': 'compute', 'domain': {'id': 'default'}, 'password': 'secret'}
    assert asked['auth']['scope']['project']['name'] == 'service'


def test_many_threads_sign_in_once():
    identity, arrived = Identity(), []

    def slow(environ, start):
        arrived.append(environ)
        threading.Event().wait(0.3)  # for those who do not wait for the first one to get here too
        return identity(environ, start)

    token = service_token(slow)
    threads = [threading.Thread(target=token.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(arrived) == 1 and token.get() == 'token-1'


def test_a_token_is_replaced_before_it_ends():
    identity = Identity(seconds=60)
    token = service_token(identity)
    assert [token.get(), token.get()] == ['token-1', 'token-2']


def test_a_refused_token_is_replaced_once(api):
    identity = Identity()
    api.refuse_tokens = {'token-1'}
    client = RestClient(InProcessTransport({'http://api': api}.get, HttpTransport), 'http://api', service_token(identity), 'compute')
    assert client.get('/x')['path'] == '/x'
    api.refuse_tokens = {'token-1', 'token-2', 'token-3'}
    with pytest.raises(errors.Unauthorized):
        client.get('/x')
    assert len(identity.asked) == 3


def test_a_service_that_cannot_sign_in_says_what_to_do():
    with pytest.raises(errors.Unauthorized, match='identity-manage bootstrap') as caught:
        service_token(Identity(status='401 Unauthorized')).get()
    assert 'secret' not in caught.value.message + (caught.value.admin_detail or '')
