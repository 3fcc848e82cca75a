"""What another service asks identity while its users' tokens are checked: counted at identity's own port."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
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

from common.clock import monotonic, timestamp
from common.config import Settings
from common.errors import Unauthorized
from common.runtime import Runtime
from common.tokens import AskIdentity, new_audit_id
from identity.one_time_passwords import code
from tests.functional.identity.conftest import Client, free_port, start
from tests.functional.identity.test_ec2tokens import version_4


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('signed'))
    yield found
    found.runtime.stop()


@pytest.fixture(scope='module')
def opaque(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('opaque'), token={'provider': 'opaque'})
    yield found
    found.runtime.stop()


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
    runtime.stop()


@pytest.fixture(scope='module')
def images_of_opaque(opaque, tmp_path_factory):
    runtime, url = image_service(opaque, tmp_path_factory.mktemp('images2'))
    yield url
    runtime.stop()


def asked(cloud):
    """How many requests have reached identity, by route; without the poll for revocations, which no user's request causes."""
    with urllib.request.urlopen(f'{cloud.url}/metrics', timeout=60) as answer:
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

        return requests.request(method, url, headers=headers, timeout=60)


def until(holds):
    """Whether something holds within some seconds."""
    end = monotonic() + 60
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


@pytest.mark.parametrize('provider', ['signed', 'opaque'])
def test_more_roles_than_a_token_can_hold(request, provider):
    """It names them by a digest then, behind which a service looks once; what is true of roles in tokens is true of these."""
    cloud = request.getfixturevalue('cloud' if provider == 'signed' else 'opaque')
    url = request.getfixturevalue('images' if provider == 'signed' else 'images_of_opaque')
    admin, name = cloud.client(), uuid.uuid4().hex
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
    project = admin.ok('GET', '/v3/projects?name=demo')['projects'][0]['id']
    names = [f'{uuid.uuid4().hex}{"ü" * 200}' for _ in range(6)]
    ids = [admin.ok('POST', '/v3/roles', {'role': {'name': role}}, 201)['role']['id'] for role in names]
    for role in (admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id'], *ids):
        admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{role}', status=204)
    client = cloud.client(name, name, project_id=project)
    token = client.token
    assert len(token) < 1024
    shown = admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']
    assert {role['name'] for role in shown['roles']} == {'member', 'reader', *names}
    route = '/v3/pileus/role-sets/{digest}'
    before = asked(cloud).get(route, 0)
    assert [status(url, each) for each in (token, cloud.client(name, name, project_id=project).token)] == [200, 200]
    assert asked(cloud)[route] == before + 1
    admin.ok('DELETE', f'/v3/roles/{ids[0]}', status=204)
    assert until(lambda: status(url, token) == 401), 'the revocation did not arrive'
    for role in ids[1:]:
        admin.ok('DELETE', f'/v3/roles/{role}', status=204)


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


def ended(cloud, token, ago=3600):
    """The token as it would be some seconds after its end."""
    service = cloud.service
    claims = dataclasses.replace(service.verifier.verify(token), issued_at=timestamp() - ago - 3600, expires_at=timestamp() - ago)
    return service.signer.issue(dataclasses.replace(claims, audit_ids=(new_audit_id(),)))


def late_answers(cloud, url, token, helper):
    """How services and identity answer to a token: with a service's beside it, and alone."""
    with_service = {'X-Auth-Token': token, 'X-Service-Token': helper}
    asked = {'X-Auth-Token': helper, 'X-Subject-Token': token}
    return {
        'service': Session.request(f'{url}/v2/images', 'GET', with_service).status_code,
        'alone': status(url, token),
        'identity': Session.request(f'{cloud.url}/v3/auth/tokens?allow_expired=1', 'GET', asked).status_code,
        'identity alone': Session.request(f'{cloud.url}/v3/auth/tokens', 'GET', asked).status_code,
    }


GOOD_LATE = {'service': 200, 'alone': 401, 'identity': 200, 'identity alone': 404}
OVER = {**GOOD_LATE, 'service': 401, 'identity': 404}


@pytest.mark.parametrize('provider', ['signed', 'opaque'])
def test_a_service_goes_on_with_a_token_that_has_ended(request, provider):
    """A long upload must not fail half way because the token with which it began is over."""
    cloud = request.getfixturevalue('cloud' if provider == 'signed' else 'opaque')
    url = request.getfixturevalue('images' if provider == 'signed' else 'images_of_opaque')
    helper = cloud.client('compute', 's' * 40, project_name='service', project_domain_name='Default').token
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    assert late_answers(cloud, url, ended(cloud, demo.token), helper) == GOOD_LATE
    assert late_answers(cloud, url, ended(cloud, demo.token, 3 * 86400), helper) == OVER
    assert late_answers(cloud, url, ended(cloud, demo.token), demo.token)['service'] == 401, 'not of a service'


@pytest.mark.parametrize('provider', ['signed', 'opaque'])
def test_nobody_goes_on_with_a_token_that_was_revoked(request, provider):
    cloud = request.getfixturevalue('cloud' if provider == 'signed' else 'opaque')
    url = request.getfixturevalue('images' if provider == 'signed' else 'images_of_opaque')
    helper = cloud.client('compute', 's' * 40, project_name='service', project_domain_name='Default').token
    admin, name = cloud.client(), uuid.uuid4().hex
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': name}}, 201)['user']['id']
    member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    project = admin.ok('GET', '/v3/projects?name=demo')['projects'][0]['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{member}', status=204)
    late = ended(cloud, cloud.client(name, name, project_id=project).token)
    assert late_answers(cloud, url, late, helper) == GOOD_LATE
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'password': 'changed'}})
    cloud.service.revocations.prune()
    cloud.service.forget_expired()
    assert late_answers(cloud, url, late, helper) == OVER


def credential_token(cloud):
    """A token had with an application credential, and how to delete that."""
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    base = f'/v3/users/{demo.session.get_user_id()}/application_credentials'
    made = demo.ok('POST', base, {'application_credential': {'name': uuid.uuid4().hex}}, 201)['application_credential']
    auth = v3.ApplicationCredential(f'{cloud.url}/v3', made['secret'], application_credential_id=made['id'])
    return ks_session.Session(auth).get_token(), lambda: demo.ok('DELETE', f'{base}/{made["id"]}', status=204)


def key_token(cloud):
    """A token had with an access key, and how to delete that."""
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    base = f'/v3/users/{demo.session.get_user_id()}/credentials/OS-EC2'
    key = demo.ok('POST', base, {'tenant_id': demo.session.get_project_id()}, 201)['credential']
    answer = cloud.client()('POST', '/v3/ec2tokens', {'credentials': version_4(key)})
    return answer.headers['X-Subject-Token'], lambda: demo.ok('DELETE', f'{base}/{key["access"]}', status=204)


def changed_key_token(cloud):
    """A token had with an access key, and how to change its secret."""
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    key = {'access': uuid.uuid4().hex, 'secret': uuid.uuid4().hex}
    body = {'type': 'ec2', 'project_id': demo.session.get_project_id(), 'blob': json.dumps(key)}
    path = f'/v3/credentials/{demo.ok("POST", "/v3/credentials", {"credential": body}, 201)["credential"]["id"]}'
    changed = {'credential': {'blob': json.dumps({**key, 'secret': 'n' * 32})}}
    answer = cloud.client()('POST', '/v3/ec2tokens', {'credentials': version_4(key)})
    return answer.headers['X-Subject-Token'], lambda: demo.ok('PATCH', path, changed)


def code_token(cloud):
    """A token had with a password and a code, exchanged for another scope; and how to take the device away."""
    demo = cloud.client('demo', 'demo-secret', project_name='demo', project_domain_name='Default')
    seed = os.urandom(20)
    blob = base64.b32encode(seed).decode()
    path = f'/v3/credentials/{demo.ok("POST", "/v3/credentials", {"credential": {"type": "totp", "blob": blob}}, 201)["credential"]["id"]}'
    passcode = code(seed, int(timestamp()) // 30)
    of = {'username': 'demo', 'user_domain_name': 'Default', 'unscoped': True}
    auth = v3.MultiFactor(f'{cloud.url}/v3', ['v3password', 'v3totp'], password='demo-secret', passcode=passcode, **of)
    token = ks_session.Session(auth).get_token()
    scoped = v3.Token(f'{cloud.url}/v3', token, project_name='demo', project_domain_name='Default')
    return ks_session.Session(scoped).get_token(), lambda: demo.ok('DELETE', path, status=204)


@pytest.mark.parametrize('provider', ['signed', 'opaque'])
@pytest.mark.parametrize('delegated', [trust_token, program_token, credential_token, key_token, changed_key_token, code_token])
def test_a_token_ends_elsewhere_with_what_it_rests_on(request, provider, delegated):
    cloud = request.getfixturevalue('cloud' if provider == 'signed' else 'opaque')
    url = request.getfixturevalue('images' if provider == 'signed' else 'images_of_opaque')
    (token, end), (other, _) = delegated(cloud), delegated(cloud)
    assert [status(url, each) for each in (token, other)] == [200, 200]
    end()
    assert until(lambda: status(url, token) == 401), 'the revocation did not arrive'
    assert status(url, other) == 200
