"""Each layer around the application by itself, then all of them together."""

from __future__ import annotations

import logging
import re

import pytest
import webob

from common.api import GET, Application, Resource, Rule
from common.context import Context
from common.errors import Unauthorized, Unavailable
from common.metrics import Metrics
from common.middleware.access_log import AccessLog
from common.middleware.authenticate import Authenticate
from common.middleware.cors import Cors
from common.middleware.health import Health
from common.middleware.metrics import RequestMetrics
from common.middleware.rate import Rate
from common.middleware.request_id import RequestId
from common.middleware.size_limit import SizeLimit
from common.policy import READER
from common.tokens import Claims


def hello(environ, start_response):
    environ['test.seen'] = True
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'hello']


def ask(app, path='/', method='GET', **headers):
    request = webob.Request.blank(path, method=method, headers={name.replace('_', '-'): value for name, value in headers.items()})
    answer = request.get_response(app)
    answer.seen = request.environ
    return answer


def claims(**rest):
    values = {
        'user_id': 'u1',
        'user_domain_id': 'default',
        'issued_at': 1.0,
        'expires_at': 9e9,
        'project_id': 'p1',
        'roles': frozenset({'member', 'reader'}),
    }
    return Claims(**{**values, **rest})


class Tokens:
    """A verifier that knows some tokens."""

    def __init__(self, **known):
        self.known = known

    def verify(self, token):
        found = self.known.get(token)
        if found is None:
            raise Unauthorized(admin_detail='unknown')
        if isinstance(found, Exception):
            raise found
        return found

    verify_late = verify


REQUEST_ID = re.compile(r'req-[0-9a-f-]{36}\Z')


def test_each_request_gets_an_id():
    app = RequestId(hello, 'compute')
    first, second = ask(app), ask(app)
    assert REQUEST_ID.match(first.headers['x-openstack-request-id'])
    assert first.headers['x-openstack-request-id'] != second.headers['x-openstack-request-id']
    assert first.headers['x-compute-request-id'] == first.headers['x-openstack-request-id']


@pytest.mark.parametrize(
    'given', ['req-00000000-0000-4000-8000-00000000000a', 'req-1', 'x' * 500, 'req-00000000-0000-4000-8000-00000000000a\r\nX: y']
)
def test_a_global_id_is_taken_over_if_it_is_one(given):
    environ = webob.Request.blank('/').environ
    environ['HTTP_X_OPENSTACK_REQUEST_ID'] = given
    webob.Request(environ).get_response(RequestId(hello, 'network'))
    if given == 'req-00000000-0000-4000-8000-00000000000a':
        assert environ['pileus.global_request_id'] == given
    else:
        assert environ['pileus.global_request_id'] == environ['pileus.request_id']


def test_a_layer_that_breaks_is_a_clean_500(caplog):
    def broken(environ, start_response):
        raise RuntimeError('inner secret')

    answer = ask(RequestId(broken, 'identity'))
    assert answer.status_int == 500
    assert answer.json['error']['code'] == 500
    assert 'secret' not in answer.text
    assert 'inner secret' in caplog.text


def test_authenticate_makes_the_context():
    app = RequestId(Authenticate(hello, Tokens(good=claims()), 'http://h:5000/v3'), 'network')
    answer = ask(app, X_Auth_Token='good', X_Pileus_Deadline='5')
    ctx = answer.seen['pileus.context']
    assert (ctx.user_id, ctx.project_id, ctx.roles) == ('u1', 'p1', {'member', 'reader'})
    assert ctx.request_id == answer.headers['x-openstack-request-id']
    assert ctx.deadline is not None
    assert not ctx.is_anonymous


@pytest.mark.parametrize('token', [None, 'bad', 'a' * 10000, ''])
def test_without_a_good_token_the_caller_is_anonymous(token):
    app = Authenticate(hello, Tokens(good=claims()))
    answer = ask(app, **({'X_Auth_Token': token} if token is not None else {}))
    assert answer.seen['pileus.context'].is_anonymous


def test_a_restriction_that_is_not_known_here_is_not_overlooked():
    app = Authenticate(hello, Tokens(bound=claims(access_rules_digest='ab' * 16)))
    assert ask(app, X_Auth_Token='bound').seen['pileus.context'].is_anonymous


def test_service_tokens():
    app = Authenticate(hello, Tokens(user=claims(), service=claims(user_id='s', roles=frozenset({'service'})), plain=claims()))
    assert ask(app, X_Auth_Token='user', X_Service_Token='service').seen['pileus.service_context'].user_id == 's'
    assert ask(app, X_Auth_Token='user', X_Service_Token='plain').seen['pileus.service_context'] is None
    assert ask(app, X_Auth_Token='user', X_Service_Token='bad').seen['pileus.context'].is_anonymous


def api(**rest):
    resource = Resource(
        'xs',
        'x',
        routes=[
            GET('/x', lambda call: {'user': call.ctx.user_id}, policy=Rule('test:x', READER)),
            GET('/open', lambda call: {}, open=True),
        ],
    )
    return Application('network', [resource], **rest)


def test_a_401_names_the_identity_service():
    app = Authenticate(api(), Tokens(good=claims()), 'http://h:5000/v3')
    answer = ask(app, '/x')
    assert answer.status_int == 401
    assert answer.headers['WWW-Authenticate'] == 'Keystone uri="http://h:5000/v3"'
    assert ask(app, '/x', X_Auth_Token='good').json == {'x': {'user': 'u1'}}
    assert ask(app, '/open', X_Auth_Token='bad').status_int == 200


def test_keys_that_cannot_be_had_are_503_not_401():
    app = Authenticate(api(), Tokens(good=Unavailable()))
    assert ask(app, '/x', X_Auth_Token='good').status_int == 503


def test_size_limit():
    app = SizeLimit(hello, 'network', 10)
    for length, kind, status in [
        ('10', '', 200),
        ('11', '', 413),
        ('9' * 30, '', 413),
        ('-1', '', 400),
        ('x', '', 400),
        ('11', 'application/octet-stream', 200),
    ]:
        request = webob.Request.blank('/', method='POST')
        request.environ.update(CONTENT_LENGTH=length, CONTENT_TYPE=kind)
        answer = request.get_response(app)
        assert answer.status_int == status, length
        if status != 200:
            assert answer.json['NeutronError']['message']
            assert 'test.seen' not in request.environ


def test_cors():
    app = Cors(hello, ['http://good'])
    assert ask(app, Origin='http://good').headers['Access-Control-Allow-Origin'] == 'http://good'
    assert 'Access-Control-Allow-Origin' not in ask(app, Origin='http://bad').headers
    assert 'Access-Control-Allow-Origin' not in ask(app).headers
    preflight = ask(app, method='OPTIONS', Origin='http://good', Access_Control_Request_Method='PUT')
    assert preflight.status_int == 200
    assert 'PUT' in preflight.headers['Access-Control-Allow-Methods']
    assert 'X-Auth-Token' in preflight.headers['Access-Control-Allow-Headers']
    assert ask(Cors(hello, ['*']), Origin='http://any').headers['Access-Control-Allow-Origin'] == '*'


def test_health(caplog):
    state = {'problem': None}

    def crash():
        raise OSError('host detail')

    app = Health(hello, {'database': lambda: state['problem']})
    assert ask(app, '/healthcheck').body == b'OK'
    assert ask(app, '/other').body == b'hello'
    assert ask(app, '/healthcheck', method='POST').status_int == 405
    state['problem'] = 'password of db wrong'
    answer = ask(app, '/healthcheck?detail')
    assert answer.status_int == 503
    assert answer.json['checks']['database']['healthy'] is False
    assert 'password' not in answer.text
    assert 'password of db wrong' in caplog.text
    assert ask(Health(hello, lambda: {'x': crash}), '/healthcheck').status_int == 503


def test_rate(monkeypatch):
    now = [0.0]
    monkeypatch.setattr('common.clock.monotonic', lambda: now[0])
    app = Rate(hello, 'compute', per_second=2, burst=3)
    assert [ask(app).status_int for _ in range(4)] == [200, 200, 200, 429]
    answer = ask(app)
    assert answer.headers['Retry-After'] == '1'
    assert answer.json['overLimit']['code'] == 429
    now[0] += 0.5
    assert [ask(app).status_int for _ in range(2)] == [200, 429]


def test_rate_tells_callers_apart_and_leaves_services_alone():
    seen = []

    def call(project, *roles):
        request = webob.Request.blank('/')
        request.environ['pileus.context'] = Context('r', 'r', user_id='u', project_id=project, roles=frozenset(roles))
        seen.append(request.get_response(app).status_int)

    app = Rate(hello, 'compute', per_second=0.001, burst=1)
    for project in ('p1', 'p1', 'p2'):
        call(project)
    for _ in range(3):
        call('p3', 'service')
    assert seen == [200, 429, 200, 200, 200, 200]


def test_access_log(caplog):
    with caplog.at_level(logging.INFO, logger='pileus.access'):
        ask(RequestId(AccessLog(hello, 'network'), 'network'), '/a%0Ab?x=1')
        ask(AccessLog(hello, 'network'), '/healthcheck')
    assert len(caplog.records) == 1
    line = caplog.records[0].getMessage()
    assert '\n' not in line
    assert '200' in line
    assert 'req-' in line


def test_metrics_count_by_route_not_by_path():
    metrics = Metrics()
    metrics.gauge('pileus_queue', 'Length.', lambda: {(('name', 'a'),): 3.0})
    metrics.count('pileus_things_total', 'Things.', kind='x')
    resource = Resource('xs', 'x', routes=[GET('/x/{id}', lambda call: {}, open=True)])
    app = RequestMetrics(Application('network', [resource]), 'network', metrics)
    for i in range(3):
        ask(app, f'/x/{i}')
    ask(app, '/nothing/here')
    text = ask(app, '/metrics').text
    assert 'pileus_http_request_seconds_count{method="GET",route="/x/{id}",service="network",status="200"} 3.0' in text
    assert '/nothing' not in text
    assert 'pileus_queue{name="a"} 3.0' in text
    assert 'pileus_things_total{kind="x"} 1.0' in text
    assert 'process_resident_memory_bytes' in text
