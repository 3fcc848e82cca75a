"""What another service asks identity while its users' tokens are checked: counted at identity's own port."""

from __future__ import annotations

import re
import threading
import urllib.parse
import urllib.request
import uuid

import pytest
from keystoneauth1 import session as ks_session
from keystoneauth1.extras.oauth1 import V3OAuth1
from keystoneauth1.identity import v3
from oauthlib import oauth1

from common.clock import monotonic
from common.config import Settings
from common.errors import Unauthorized
from common.runtime import Runtime
from common.tokens import AskIdentity
from tests.functional.identity.conftest import Client, free_port, start


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('signed'))
    yield found
    found.runtime.stop(1.0)


@pytest.fixture(scope='module')
def opaque(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('opaque'), token={'provider': 'opaque'})
    yield found
    found.runtime.stop(1.0)


def image_service(cloud, path):
    """The image API in a runtime of its own, that reaches identity over HTTP alone."""
    admin = cloud.client()
    user = admin.ok('POST', '/v3/users', {'user': {'name': 'image', 'password': 's' * 40}}, 201)['user']['id']
    project = admin.ok('GET', '/v3/projects?name=service')['projects'][0]['id']
    role = admin.ok('GET', '/v3/roles?name=service')['roles'][0]['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{role}', status=204)
    url = f'http://127.0.0.1:{free_port()}'
    overrides = {
        'service': {'state_dir': str(path), 'host': 'images'},
        'auth': {'password': 's' * 40},
        'endpoints': {'identity': cloud.url, 'image': url},
        'messaging': {'url': f'pileus-memory://{path.name}'},
    }
    runtime = Runtime(Settings.load(overrides=overrides))
    runtime.build(['image'])
    runtime.prepare()
    runtime.start([('image', 'api')])
    return runtime, url


@pytest.fixture(scope='module')
def images(cloud, tmp_path_factory):
    runtime, url = image_service(cloud, tmp_path_factory.mktemp('images'))
    yield url
    runtime.stop(1.0)


@pytest.fixture(scope='module')
def images_of_opaque(opaque, tmp_path_factory):
    runtime, url = image_service(opaque, tmp_path_factory.mktemp('images2'))
    yield url
    runtime.stop(1.0)


def asked(cloud):
    """How many requests have reached identity, by route; without the poll for revocations, which no user's request causes."""
    with urllib.request.urlopen(f'{cloud.url}/metrics', timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        if line.startswith('pileus_http_request_seconds_count'):
            route = re.search(r'route="([^"]*)"', line)[1]
            if route not in ('/metrics', '/v3/pileus/revocations'):
                found[route] = found.get(route, 0) + float(line.rsplit(' ', 1)[1])
    return found


def tokens_of(cloud, count):
    return [cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default').token for _ in range(count)]


def status(url, token):
    return Client(Session, url)('GET', '/v2/images', token=token).status_code


class Session:
    """Plain requests."""

    @staticmethod
    def request(url, method, headers, **rest):
        import requests

        return requests.request(method, url, headers=headers, timeout=10)


def until(holds):
    """Whether something holds within some seconds."""
    end = monotonic() + 20
    while not holds() and monotonic() < end:
        threading.Event().wait(0.1)
    return holds()


def test_checking_signed_tokens_costs_no_request(cloud, images):
    first, *rest = tokens_of(cloud, 5)
    assert status(images, first) == 200  # fetches the keys
    before = asked(cloud)
    for token in rest:
        for _ in range(10):
            assert status(images, token) == 200
    assert asked(cloud) == before


def test_keys_are_rotated_while_tokens_are_in_use(cloud, images, monkeypatch):
    """No token is refused in another service, of the old key or of the new, through two rotations."""
    old = tokens_of(cloud, 1)[0]
    assert status(images, old) == 200
    seen = {old[:9]}
    for _ in range(2):
        cloud.service.keys.rotate(3600)
        new = tokens_of(cloud, 1)[0]
        seen.add(new[:9])
        assert [status(images, token) for token in (old, new)] == [200, 200]
        # The next rotation is as if it came later than the few seconds in which keys are not fetched again.
        monkeypatch.setattr('common.tokens.keys._REFETCH', 0.0)
    assert len(seen) == 3


def test_an_opaque_token_is_asked_about_once(opaque, images_of_opaque):
    token, other = tokens_of(opaque, 2)
    assert token.startswith('po1.') and len(token) < 512
    assert status(images_of_opaque, token) == 200
    before = asked(opaque)
    for _ in range(10):
        assert status(images_of_opaque, token) == 200
    assert asked(opaque) == before
    assert status(images_of_opaque, other) == 200
    claims = '/v3/pileus/token-claims'
    assert asked(opaque) == before | {claims: before[claims] + 1}


def test_a_forged_opaque_token_is_refused_and_not_asked_about_again(opaque, images_of_opaque):
    token = tokens_of(opaque, 1)[0]
    forged = token[:40] + ('A' if token[40] != 'A' else 'B') + token[41:]
    assert status(images_of_opaque, forged) == 401
    before = asked(opaque)
    assert [status(images_of_opaque, text) for text in (forged, forged)] == [401, 401]
    assert asked(opaque) == before


def test_opaque_tokens_are_as_good_as_signed_ones_at_identity(opaque):
    client = opaque.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    shown = client.ok('GET', '/v3/auth/tokens', X_Subject_Token=client.token)['token']
    assert shown['project']['name'] == 'demo' and {role['name'] for role in shown['roles']} == {'member', 'reader'}
    opaque.service.keys.rotate(3600)
    assert client('GET', '/v3/auth/projects').status_code == 200
    assert client('GET', '/v3/pileus/token-claims', X_Subject_Token=client.token).status_code == 403
    admin = opaque.client()
    admin.ok('DELETE', '/v3/auth/tokens', X_Subject_Token=client.token, status=204)
    assert admin('GET', '/v3/auth/projects', token=client.token).status_code == 401
    assert admin('GET', '/v3/pileus/token-claims', X_Subject_Token=client.token).status_code == 404


def test_a_revoked_opaque_token_ends_elsewhere_too(opaque, images_of_opaque):
    token = tokens_of(opaque, 1)[0]
    assert status(images_of_opaque, token) == 200
    opaque.client().ok('DELETE', '/v3/auth/tokens', X_Subject_Token=token, status=204)
    assert until(lambda: status(images_of_opaque, token) == 401), 'the revocation did not arrive'


def test_what_identity_refused_is_kept_within_bounds():
    from common.errors import NotFound

    calls = []

    def fetch(token):
        calls.append(token)
        raise NotFound('token')

    ask = AskIdentity(fetch)
    for i in range(3000):
        with pytest.raises(Unauthorized):
            ask(f'po1.{i}')
    assert len(ask._refused) <= 2048 and len(calls) == 3000


def bound_token(cloud, *rules):
    """A token of an application credential of demo with these rules (method and path, of the image service), and how to end it."""
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    path = f'/v3/users/{demo.session.get_user_id()}/application_credentials'
    body = {'name': uuid.uuid4().hex, 'access_rules': [{'service': 'image', 'method': method, 'path': path} for method, path in rules]}
    made = demo.ok('POST', path, {'application_credential': body}, 201)['application_credential']
    auth = v3.ApplicationCredential(f'{cloud.url}/v3', application_credential_id=made['id'], application_credential_secret=made['secret'])
    return ks_session.Session(auth).get_token(), lambda: demo.ok('DELETE', f'{path}/{made["id"]}', status=204)


@pytest.mark.parametrize('provider', ['signed', 'opaque'])
def test_a_service_keeps_access_rules_and_learns_them_once(request, provider):
    cloud = request.getfixturevalue('cloud' if provider == 'signed' else 'opaque')
    url = request.getfixturevalue('images' if provider == 'signed' else 'images_of_opaque')
    token, end = bound_token(cloud, ('GET', '/v2/images'), ('GET', '/v2/schemas/*'))
    image = Client(Session, url)
    before = asked(cloud)
    allowed = ['/v2/images', '/v2/images?limit=1', '/v2/schemas/image', '/v2/schemas/images']
    assert [image('GET', path, token=token).status_code for path in allowed] == [200] * 4
    refused = [('GET', '/v2/images/1'), ('HEAD', '/v2/images'), ('POST', '/v2/images'), ('DELETE', '/v2/images/1'), ('GET', '/v2/tasks')]
    for method, path in refused:
        answer = image(method, path, {'name': 'x'} if method == 'POST' else None, token=token)
        assert answer.status_code == 401, (method, path)
        assert method == 'HEAD' or 'access rules' in answer.text
    route = '/v3/pileus/access-rules/{digest}'
    assert asked(cloud)[route] - before.get(route, 0) == 1
    # Another credential with the same rules needs no further look at identity.
    other, _ = bound_token(cloud, ('GET', '/v2/schemas/*'), ('GET', '/v2/images'))
    assert image('GET', '/v2/images', token=other).status_code == 200
    assert asked(cloud)[route] - before.get(route, 0) == 1
    end()
    assert until(lambda: status(url, token) == 401) and status(url, other) == 200


def test_only_services_and_administrators_learn_access_rules(cloud, images):
    token, _ = bound_token(cloud, ('GET', '/v2/**'))
    assert status(images, token) == 200
    digest = cloud.service.open_token(token).access_rules_digest
    path = f'/v3/pileus/access-rules/{digest}'
    rules = [{'service': 'image', 'method': 'GET', 'path': '/v2/**'}]
    assert cloud.client().ok('GET', path) == {'access_rules': rules}
    assert cloud.client()('GET', f'/v3/pileus/access-rules/{"0" * 32}').status_code == 404
    assert cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')('GET', path).status_code == 403


def trust_token(cloud):
    """A token of a trust, and how to end the trust."""
    demo, other = (
        cloud.client(name, f'{name}-secret', project_name=name, project_domain_name='Default').session for name in ('demo', 'other')
    )
    client = Client(demo, cloud.url)
    body = {'trustor_user_id': demo.get_user_id(), 'trustee_user_id': other.get_user_id(), 'project_id': demo.get_project_id()}
    body |= {'impersonation': False, 'roles': [{'name': 'member'}]}
    trust = client.ok('POST', '/v3/OS-TRUST/trusts', {'trust': body}, 201)['trust']['id']
    auth = v3.Password(f'{cloud.url}/v3', username='other', password='other-secret', user_domain_name='Default', trust_id=trust)
    return ks_session.Session(auth).get_token(), lambda: client.ok('DELETE', f'/v3/OS-TRUST/trusts/{trust}', status=204)


def program_token(cloud):
    """A token of a program that demo lets act, and how to take that back."""
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    program = cloud.client().ok('POST', '/v3/OS-OAUTH1/consumers', {'consumer': {}}, 201)['consumer']

    def signed(step, **rest):
        url = f'{cloud.url}/v3/OS-OAUTH1/{step}'
        headers = oauth1.Client(program['id'], program['secret'], **rest).sign(url, http_method='POST')[1]
        answer = Session.request(url, 'POST', {**headers, 'Requested-Project-Id': demo.session.get_project_id()})
        return dict(urllib.parse.parse_qsl(answer.text))

    asked = signed('request_token', callback_uri='oob')
    path = f'/v3/OS-OAUTH1/authorize/{asked["oauth_token"]}'
    verifier = demo.ok('PUT', path, {'roles': [{'name': 'member'}]})['token']['oauth_verifier']
    keys = {'resource_owner_key': asked['oauth_token'], 'resource_owner_secret': asked['oauth_token_secret']}
    access = signed('access_token', verifier=verifier, **keys)
    auth = V3OAuth1(f'{cloud.url}/v3', program['id'], program['secret'], access['oauth_token'], access['oauth_token_secret'])
    path = f'/v3/users/{demo.session.get_user_id()}/OS-OAUTH1/access_tokens/{access["oauth_token"]}'
    return ks_session.Session(auth).get_token(), lambda: demo.ok('DELETE', path, status=204)


@pytest.mark.parametrize('provider', ['signed', 'opaque'])
@pytest.mark.parametrize('delegated', [trust_token, program_token])
def test_a_delegated_token_ends_elsewhere_with_what_it_rests_on(request, provider, delegated):
    cloud = request.getfixturevalue('cloud' if provider == 'signed' else 'opaque')
    url = request.getfixturevalue('images' if provider == 'signed' else 'images_of_opaque')
    (token, end), (other, _) = delegated(cloud), delegated(cloud)
    assert [status(url, each) for each in (token, other)] == [200, 200]
    end()
    assert until(lambda: status(url, token) == 401), 'the revocation did not arrive'
    assert status(url, other) == 200
