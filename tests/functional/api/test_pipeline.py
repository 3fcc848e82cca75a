"""What holds for each service's pipeline over real HTTP: ids, refusals, discovery by real clients, health, figures."""

from __future__ import annotations

import socket
import tracemalloc

import pytest
from keystoneauth1 import discover
from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import generic
from keystoneauth1.token_endpoint import Token

from common.api import GET, POST, Application, Field, Obj, Resource, Rule, Str, VersionSpec
from common.policy import MEMBER, READER

SPECS = {
    'compute': VersionSpec('compute', '2.1', '2.60', legacy_header='X-OpenStack-Nova-API-Version'),
    'volume': VersionSpec('volume', '3.0', '3.50'),
}
SERVICES = ['identity', 'compute', 'network', 'volume', 'image']


def application(service):
    def upload(call):
        return {'size': sum(len(piece) for piece in call.chunks())}

    rule = Rule('test:x', READER)
    resource = Resource(
        'xs',
        'x',
        fields=[Field('name', Str)],
        routes=[
            GET('/v9/xs', lambda call: [], policy=rule),
            POST('/v9/xs', lambda call: call.body, policy=rule, ok=201),
            POST(
                '/v9/upload',
                upload,
                policy=Rule('test:upload', MEMBER),
                stream=True,
                wrap=False,
                content_types=['application/octet-stream'],
            ),
            POST('/v9/free', lambda call: {'got': call.body}, policy=rule, body=Obj, wrap=False),
        ],
    )
    return Application(service, [resource], versions=SPECS.get(service))


@pytest.fixture(scope='module', params=SERVICES)
def served(request, cloud):
    return request.param, cloud.serve(application(request.param))


@pytest.fixture(scope='module')
def url(cloud):
    return cloud.serve(application('network'))


def test_every_answer_carries_its_request_id(served, session):
    call = session(served[1], None)
    for path in ('/', '/v9/xs', '/v9/nothing', '/openapi.json'):
        assert call('GET', path).headers['x-openstack-request-id'].startswith('req-')


def test_tokens_are_checked(served, cloud, session):
    service, url = served
    assert session(url, cloud.token('p'))('GET', '/v9/xs').status_code == 200
    refused = session(url, None)('GET', '/v9/xs', headers={'Accept': 'application/json'})
    assert refused.status_code == 401
    assert refused.headers['WWW-Authenticate'] == 'Keystone uri="http://identity/v3"'
    forged = cloud.token('p')[:-8] + 'AAAAAAAA'
    assert session(url, forged)('GET', '/v9/xs').status_code == 401


@pytest.mark.parametrize(
    ('service', 'newest'), [('compute', (2, 60)), ('volume', (3, 50)), ('network', None), ('image', None), ('identity', None)]
)
def test_keystoneauth_discovers_the_service(cloud, service, newest):
    url = cloud.serve(application(service))
    session = ksa_session.Session(auth=Token(url, cloud.token('p')))
    session.session.trust_env = False
    found = discover.Discover(session, url).version_data()
    assert len(found) >= 1
    major = {'identity': 3, 'compute': 2, 'volume': 3, 'network': 2, 'image': 2}[service]
    assert all(version['version'][0] == major for version in found)
    assert all(version['url'].startswith(url) for version in found)
    if newest:
        assert found[-1]['max_microversion'] == newest


def test_a_password_plugin_finds_v3(cloud):
    url = cloud.serve(application('identity'))
    session = ksa_session.Session()
    session.session.trust_env = False
    plugin = generic.Password(url, username='u', password='p', user_domain_id='default', project_name='x', project_domain_id='default')
    assert type(plugin._do_create_plugin(session)).__module__ == 'keystoneauth1.identity.v3.password'


def test_microversions_over_http(cloud, session):
    call = session(cloud.serve(application('compute')), cloud.token('p'))
    assert call('GET', '/v9/xs', headers={'OpenStack-API-Version': 'compute latest'}).headers['OpenStack-API-Version'] == 'compute 2.60'
    assert call('GET', '/v9/xs', headers={'OpenStack-API-Version': 'compute 2.99'}).status_code == 406


def test_chunked_bodies(cloud, session, url):
    call = session(url, cloud.token('p'))
    answer = call('POST', '/v9/xs', data=iter([b'{"x": {"na', b'me": "a"}}']), headers={'Content-Type': 'application/json'})
    assert answer.status_code == 201
    assert answer.json() == {'x': {'name': 'a'}}
    answer = call('POST', '/v9/xs', data=iter([b'{"x": "'] + [b'a' * 65536] * 20), headers={'Content-Type': 'application/json'})
    assert answer.status_code == 413


def test_streams_are_not_limited_by_the_size_of_json(cloud, session, url):
    call = session(url, cloud.token('p'))
    kind = {'Content-Type': 'application/octet-stream'}
    assert call('POST', '/v9/upload', data=b'a' * 3_000_000, headers=kind).json() == {'size': 3_000_000}
    assert call('POST', '/v9/upload', data=(b'a' * 1000 for _ in range(50)), headers=kind).json() == {'size': 50_000}
    assert call('POST', '/v9/upload', data=b'{}', headers={'Content-Type': 'application/json'}).status_code == 415


def test_a_connection_survives_a_refused_body(cloud, session, url):
    call = session(url, None)
    for _ in range(3):
        assert call('POST', '/v9/xs', {'x': {'name': 'a' * 5000}}).status_code == 401
    assert call('GET', '/').status_code == 200


def raw(url, head, body=b''):
    """Send bytes as they are; the status line of the answer."""
    host, _, port = url.removeprefix('http://').partition(':')
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b''
        while piece := connection.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize(
    ('line', 'status'),
    [
        (b'GET /v9/%00 HTTP/1.1', b'400'),
        (b'GET /v9/%ff%fe HTTP/1.1', b'400'),
        (b'GET /v9/xs/../../etc/passwd HTTP/1.1', b'404'),
        (b'GET /v9//xs HTTP/1.1', b'404'),
        (b'BREW /v9/xs HTTP/1.1', b'405'),
        (b'GET /v9/xs?limit=-1 HTTP/1.1', b'400'),
        (b'GET /v9/xs?a=%zz HTTP/1.1', b'400'),
    ],
)
def test_odd_requests_are_refused_cleanly(cloud, url, line, status):
    head = line + b'\r\nHost: h\r\nConnection: close\r\nX-Auth-Token: ' + cloud.token('p').encode() + b'\r\n\r\n'
    answer = raw(url, head)
    assert answer.split(b' ')[1] == status, answer[:300]
    assert b'Traceback' not in answer


def test_a_body_that_ends_early_is_refused(cloud, url):
    head = (
        b'POST /v9/xs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 500\r\nConnection: close\r\nX-Auth-Token: '
    )
    answer = raw(url, head + cloud.token('p').encode() + b'\r\n\r\n', b'{"x": {}}')
    assert answer.split(b' ')[1] == b'400'
    assert b'NeutronError' in answer


def test_a_refused_upload_is_not_held_in_memory(cloud, session, url, tmp_path, monkeypatch):
    """Announce a long body without a token, send it: the connection goes on, and nothing of its size is ever in memory."""
    monkeypatch.setattr('common.service.http_connection.SKIP_SECONDS', 120.0)  # memory is watched, which takes its time
    call = session(url, None)
    body = tmp_path / 'body'
    with body.open('wb') as file:
        file.truncate(20_000_000)
    tracemalloc.start()
    try:
        for _ in range(2):
            with body.open('rb') as file:
                answer = call('POST', '/v9/upload', data=file, headers={'Content-Type': 'application/octet-stream'})
            assert answer.status_code == 401
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    pieces = (b'a' * 10_000 for _ in range(100))
    assert call('POST', '/v9/upload', data=pieces, headers={'Content-Type': 'application/octet-stream'}).status_code == 401
    assert call('GET', '/').status_code == 200


@pytest.mark.parametrize('body', [b'zz\r\nabc\r\n0\r\n\r\n', b'5\r\nabc', b'-5\r\nabc\r\n0\r\n\r\n'])
def test_broken_chunks_are_refused(cloud, url, body):
    head = b'POST /v9/xs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nX-Auth-Token: '
    answer = raw(url, head + cloud.token('p').encode() + b'\r\n\r\n', body)
    assert answer.split(b' ')[1] == b'400'
    assert answer.count(b'HTTP/1.1') == 1


def test_health_and_figures(served, session):
    call = session(served[1], None)
    assert call('GET', '/healthcheck').text == 'OK'
    call('GET', '/openapi.json')
    text = call('GET', '/metrics').text
    assert 'route="/openapi.json"' in text
    assert f'service="{served[0]}"' in text


def test_the_client_of_an_image_service_can_choose_the_form_of_errors(cloud, session):
    call = session(cloud.serve(application('image')), cloud.token('p'))
    assert call('GET', '/v9/none', headers={'Accept': 'application/json'}).json()['code'] == '404 Not Found'
    assert call('GET', '/v9/none').text.startswith('<html>')
