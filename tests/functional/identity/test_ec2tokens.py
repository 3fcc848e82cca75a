"""Requests signed with access keys: botocore signs as clients do, a service asks identity whom it is from."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import urllib.parse

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from common import clock
from common.ids import new_hex_id
from identity import signatures
from identity.signatures import SignedRequest

URL = 'http://ec2.example.org:8773/services/Cloud'


@pytest.fixture(scope='module')
def nova(cloud):
    """A service, which may ask."""
    return cloud.client('compute', 's' * 40, project_name='service', project_domain_name='Default')


@pytest.fixture
def person(cloud, admin):
    """A user with a role on a project: (client, user id, project id, access key)."""
    name = f'e{new_hex_id()[:8]}'
    project = admin.ok('POST', '/v3/projects', {'project': {'name': name, 'domain_id': 'default'}}, 201)['project']['id']
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': 'secret', 'domain_id': 'default'}}, 201)['user']['id']
    member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{user}/roles/{member}', status=204)
    client = cloud.client(name, 'secret', project_id=project)
    key = client.ok('POST', f'/v3/users/{user}/credentials/OS-EC2', {'tenant_id': project}, 201)['credential']
    yield client, user, project, key
    admin('DELETE', f'/v3/users/{user}')
    admin('DELETE', f'/v3/projects/{project}')


def keys_of(key, secret=None):
    return Credentials(key['access'], secret or key['secret'])


def told(key, request, signature, params=None):
    """What a service with an EC2 API sends to identity about a request that it got."""
    body = request.body if isinstance(request.body, bytes) else urllib.parse.urlencode(request.data or {}).encode()
    parts = urllib.parse.urlsplit(request.url)
    return {
        'access': key['access'],
        'signature': signature,
        'host': parts.netloc,
        'verb': request.method,
        'path': parts.path or '/',
        'params': params if params is not None else {**dict(urllib.parse.parse_qsl(parts.query)), **(request.data or {})},
        'headers': {'Host': parts.netloc, **dict(request.headers.items())},
        'body_hash': hashlib.sha256(body).hexdigest(),
    }


def version_2(key, *, secret=None, **more):
    request = AWSRequest('POST', URL, data={'Action': 'DescribeInstances', 'Version': '2010-08-31', 'Filter.1.Name': 'a b/ü~', **more})
    request.params = {}
    auth.SigV2Auth(keys_of(key, secret)).add_auth(request)
    return told(key, request, request.data['Signature'])


def version_4(key, method='POST', url=URL, *, secret=None, data=None, headers=None):
    request = AWSRequest(method, url, data=data or ({'Action': 'DescribeInstances'} if method == 'POST' else None), headers=headers or {})
    auth.SigV4Auth(keys_of(key, secret), 'ec2', 'RegionOne').add_auth(request)
    signature = request.headers['Authorization'].rpartition('Signature=')[2]
    return told(key, request, signature)


def link_4(key, method='GET', *, expires=600):
    request = AWSRequest(method, f'{URL}?Action=DescribeInstances')
    auth.SigV4QueryAuth(keys_of(key), 'ec2', 'RegionOne', expires=expires).add_auth(request)
    params = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))
    return told(key, request, params['X-Amz-Signature'], params)


def ask(client, credentials, path='/v3/ec2tokens', name='credentials'):
    return client('POST', path, {name: credentials})


SIGNERS = {
    'version 2': version_2,
    'version 4': version_4,
    'version 4, GET': lambda key: version_4(key, 'GET', f'{URL}?Action=DescribeInstances&B=x%20y%2Fz&A=1'),
    'version 4, spaces': lambda key: version_4(key, headers={'X-Amz-Meta': '  a   b  ', 'Content-Type': 'text/plain'}),
    'link of version 4': link_4,
}


@pytest.mark.parametrize('signer', SIGNERS.values(), ids=SIGNERS)
def test_a_signed_request_gives_a_token_of_its_signer(nova, person, signer):
    client, user, project, key = person
    for name in ('credentials', 'ec2Credentials'):
        answer = ask(nova, signer(key), name=name)
        assert answer.status_code == 200, answer.text
    shown = answer.json()['token']
    assert (shown['user']['id'], shown['project']['id'], shown['methods']) == (user, project, ['ec2credential'])
    assert {role['name'] for role in shown['roles']} >= {'member'} and shown['catalog']
    token = answer.headers['X-Subject-Token']
    assert client.ok('GET', f'/v3/users/{user}', token=token)['user']['id'] == user


@pytest.mark.parametrize('signer', SIGNERS.values(), ids=SIGNERS)
def test_what_was_not_signed_is_refused(nova, person, signer):
    _, _, _, key = person
    right = signer(key)
    params = right['params']
    assert ask(nova, right).status_code == 200
    wrong = [
        {'signature': right['signature'][:-2] + ('aa' if right['signature'][-2:] != 'aa' else 'bb')},
        {'signature': ''},
        {'signature': 'ä'},
        {'access': new_hex_id()},
        {'access': ''},
        {'verb': 'DELETE'},
        {'path': '/elsewhere'},
        {'host': 'other.example.org', 'headers': {**right['headers'], 'Host': 'other.example.org'}},
    ]
    if 'SignatureVersion' in params or right['verb'] == 'GET':
        wrong.append({'params': {**params, 'Action': 'TerminateInstances'}})
    if 'SignatureVersion' not in params:
        wrong.append({'body_hash': hashlib.sha256(b'Action=TerminateInstances').hexdigest()})
    for change in wrong:
        answer = ask(nova, {**right, **change})
        assert answer.status_code == 401, change
        assert 'X-Subject-Token' not in answer.headers


def test_another_secret_is_refused(nova, person):
    _, _, _, key = person
    assert ask(nova, version_2(key, secret='x' * 32)).status_code == 401
    assert ask(nova, version_4(key, secret='x' * 32)).status_code == 401


def test_hosts_without_the_port(nova, person):
    """Some old clients leave it out when they sign."""
    _, _, _, key = person
    request = AWSRequest('POST', URL.replace(':8773', ''), data={'Action': 'DescribeInstances'})
    request.params = {}
    auth.SigV2Auth(keys_of(key)).add_auth(request)
    assert ask(nova, {**told(key, request, request.data['Signature']), 'host': 'ec2.example.org:8773'}).status_code == 200


@pytest.fixture
def late(monkeypatch):
    """Identity's clock for signed requests goes before by some seconds."""

    def go(seconds):
        found = type('Clock', (), {'timestamp': staticmethod(lambda: clock.timestamp() + seconds)})
        monkeypatch.setattr('identity.signed_requests.clock', found)

    return go


def test_old_requests_are_refused(nova, person, late):
    _, _, _, key = person
    requests = [version_2(key), version_4(key)]
    for seconds, status in ((800, 200), (1000, 401), (-800, 200), (-1000, 401)):
        late(seconds)
        assert [ask(nova, request).status_code for request in requests] == [status, status], seconds


def test_links_are_good_for_as_long_as_they_say(nova, person, late):
    _, _, _, key = person
    short, long = link_4(key, expires=60), link_4(key, expires=3000)
    late(1000)
    assert (ask(nova, short).status_code, ask(nova, long).status_code) == (401, 200)
    late(4000)
    assert ask(nova, long).status_code == 401


def test_the_life_of_a_request_cannot_be_prolonged(nova, person, late):
    """What is not signed does not count: neither in the header nor beside a query that is left out of a POST."""
    _, _, _, key = person
    right = version_4(key)
    link = link_4(key, 'POST')
    assert ask(nova, link).status_code == 200
    late(2000)
    longer = {**right['headers'], 'Authorization': right['headers']['Authorization'] + ', Expires=604800'}
    assert ask(nova, {**right, 'headers': longer}).status_code == 401
    assert (
        ask(nova, {**right, 'params': {**right['params'], 'X-Amz-Expires': '604800', 'Timestamp': '2999-01-01T00:00:00Z'}}).status_code
        == 401
    )
    assert ask(nova, {**link, 'params': {**link['params'], 'X-Amz-Expires': '604800'}}).status_code == 401
    assert ask(nova, {**link, 'params': {**link['params'], 'SignatureVersion': '2'}}).status_code == 401


def test_old_versions_count_only_where_they_are_allowed(cloud, nova, person, monkeypatch):
    _, _, _, key = person
    now = datetime.datetime.fromtimestamp(clock.timestamp(), datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')

    def sign(text):
        return base64.b64encode(hmac.digest(key['secret'].encode(), text.encode(), 'sha1')).decode()

    zero = {'Action': 'DescribeInstances', 'Timestamp': now, 'SignatureVersion': '0'}
    one = {'action': 'Run', 'Timestamp': now, 'SignatureVersion': '1', 'Count': '1'}
    requests = [
        {'access': key['access'], 'params': zero, 'signature': sign('DescribeInstances' + now)},
        {'access': key['access'], 'params': one, 'signature': sign(f'actionRunCount1SignatureVersion1Timestamp{now}')},
    ]
    assert [ask(nova, request).status_code for request in requests] == [401, 401]
    import dataclasses

    monkeypatch.setattr(cloud.service, 'ec2_options', dataclasses.replace(cloud.service.ec2_options, old_signatures=True))
    assert [ask(nova, request).status_code for request in requests] == [200, 200]
    for request in requests:
        assert ask(nova, {**request, 'params': {**request['params'], 'Timestamp': now.replace('Z', '.5Z')}}).status_code == 401


def test_only_services_may_ask(cloud, admin, nova, person):
    client, _, _, key = person
    for path in ('/v3/ec2tokens', '/v3/s3tokens', '/v2.0/ec2tokens'):
        assert client('POST', path, {'credentials': version_2(key)}).status_code == 403
        assert client('POST', path, {'credentials': version_2(key)}, token='').status_code == 401
    assert ask(admin, version_2(key)).status_code == 200
    assert nova('POST', '/v3/ec2tokens', {}).status_code == 400
    assert nova('POST', '/v3/ec2tokens', {'credentials': {'access': 'a'}}).status_code == 400
    assert nova('POST', '/v3/s3tokens', {'credentials': {'access': 'a', 'signature': 'b', 'token': 'ü'}}).status_code == 400


def test_nothing_of_a_user_who_is_disabled_gone_or_without_a_role(admin, nova, person):
    _, user, project, key = person
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'enabled': False}})
    assert ask(nova, version_4(key)).status_code == 401
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'enabled': True}})
    admin.ok('PATCH', f'/v3/projects/{project}', {'project': {'enabled': False}})
    assert ask(nova, version_4(key)).status_code == 401
    admin.ok('PATCH', f'/v3/projects/{project}', {'project': {'enabled': True}})
    assert ask(nova, version_4(key)).status_code == 200
    member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    admin.ok('DELETE', f'/v3/projects/{project}/users/{user}/roles/{member}', status=204)
    assert ask(nova, version_4(key)).status_code == 401
    admin.ok('DELETE', f'/v3/users/{user}', status=204)
    assert ask(nova, version_4(key)).status_code == 401


def test_no_key_is_more_than_what_made_it(admin, nova, person):
    """A key that says it was made by a trust is not a key of the user as a whole, and cannot be made one."""
    _, user, project, _ = person
    key = {'access': new_hex_id(), 'secret': new_hex_id()}
    blob = json.dumps({**key, 'app_cred_id': 'b' * 32})
    wanted = {'type': 'ec2', 'user_id': user, 'project_id': project, 'blob': blob}
    made = admin.ok('POST', '/v3/credentials', {'credential': wanted}, 201)['credential']
    assert ask(nova, version_4(key)).status_code == 401
    assert admin('PATCH', f'/v3/credentials/{made["id"]}', {'credential': {'blob': json.dumps(key)}}).status_code == 400
    assert ask(nova, version_4(key)).status_code == 401


def test_guessing_a_secret_that_a_user_chose(admin, nova, person, no_time_passes):
    _, user, project, own = person
    key = {'access': new_hex_id(), 'secret': 'tiger'}
    wanted = {'type': 'ec2', 'user_id': user, 'project_id': project, 'blob': json.dumps(key)}
    admin.ok('POST', '/v3/credentials', {'credential': wanted}, 201)
    assert ask(nova, version_4(key)).status_code == 200
    answers = [ask(nova, version_4(key, secret=f'guess{i}')).status_code for i in range(25)]
    assert answers[:9] == [401] * 9 and answers[-1] == 429
    assert ask(nova, version_4(key)).status_code == 429, 'a right one is not looked at either'
    for _ in range(25):
        assert ask(nova, version_4(own, secret='wrong')).status_code == 401
    assert ask(nova, version_4(own)).status_code == 200, 'nobody guesses a generated one, so nobody is locked out'


def s3_header(key):
    request = AWSRequest('PUT', 'http://s3.example.org/bucket/object', headers={'Content-Type': 'text/plain', 'x-amz-meta-a': 'b'})
    signer = auth.HmacV1Auth(keys_of(key))
    seen = []
    signer.sign_string = lambda text: (seen.append(text), auth.HmacV1Auth.sign_string(signer, text))[1]
    signer.add_auth(request)
    return seen[0], request.headers['Authorization'].rpartition(':')[2]


def s3_link(key, expires=600):
    request = AWSRequest('GET', 'http://s3.example.org/bucket/object')
    signer = auth.HmacV1QueryAuth(keys_of(key), expires=expires)
    seen = []
    signer.sign_string = lambda text: (seen.append(text), auth.HmacV1Auth.sign_string(signer, text))[1]
    signer.add_auth(request)
    return seen[0], dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))['Signature']


def s3_version_4(key):
    request = AWSRequest('GET', 'http://s3.example.org/bucket/object')
    signer = auth.S3SigV4Auth(keys_of(key), 's3', 'RegionOne')
    seen = []
    made = signer.string_to_sign
    signer.string_to_sign = lambda *args: (seen.append(made(*args)), seen[-1])[1]
    signer.add_auth(request)
    return seen[0], request.headers['Authorization'].rpartition('Signature=')[2]


@pytest.mark.parametrize('signer', [s3_header, s3_link, s3_version_4])
def test_s3(nova, person, signer, late):
    _, user, project, key = person
    text, signature = signer(key)
    for encode in (base64.urlsafe_b64encode, base64.b64encode):
        given = {'access': key['access'], 'token': encode(text.encode()).decode(), 'signature': signature}
        answer = nova('POST', '/v3/s3tokens', {'credentials': given})
        assert answer.status_code == 200, answer.text
    shown = answer.json()['token']
    assert (shown['user']['id'], shown['project']['id']) == (user, project)
    assert 'X-Subject-Token' not in answer.headers
    other = base64.b64encode(text.replace('bucket', 'theirs').replace('aws4_request\n', 'aws4_request\nf').encode()).decode()
    for wrong in (
        {'signature': f'wrong{signature[5:]}'},
        {'token': other},
        {'token': ''},
        {'access': 'x'},
        {'token': base64.b64encode(b'AWS4').decode()},
    ):
        assert nova('POST', '/v3/s3tokens', {'credentials': {**given, **wrong}}).status_code == 401
    late(8 * 86400)
    assert nova('POST', '/v3/s3tokens', {'credentials': given}).status_code == 401


def test_version_2_of_the_api(nova, demo, person):
    client, user, project, _ = person
    path = f'/v2.0/users/{user}/credentials/OS-EC2'
    key = client.ok('POST', path, {'tenant_id': project})['credential']
    assert (key['user_id'], key['tenant_id'], key['trust_id']) == (user, project, None)
    assert key in client.ok('GET', path)['credentials']
    assert client.ok('GET', f'{path}/{key["access"]}')['credential'] == key
    shown = ask(nova, version_2(key), '/v2.0/ec2tokens').json()['access']
    assert (shown['user']['id'], shown['token']['tenant']['id']) == (user, project) and shown['serviceCatalog']
    assert client.ok('GET', f'/v3/users/{user}', token=shown['token']['id'])['user']['id'] == user
    client.ok('DELETE', f'{path}/{key["access"]}', status=204)
    assert client('GET', f'{path}/{key["access"]}').status_code == 404
    assert ask(nova, version_2(key), '/v2.0/ec2tokens').status_code == 401
    assert demo('GET', path).status_code == demo('POST', path, {'tenant_id': project}).status_code == 403


def test_strange_requests_match_nothing():
    """No text in place of a signature, scope or time gets through, and none breaks the check."""
    headers = [
        {'Authorization': 'AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature='},
        {'Authorization': 'AWS4-HMAC-SHA256'},
        {'Authorization': 'AWS4-HMAC-SHA256 Credential=////aws4_request,SignedHeaders=;;,', 'X-Amz-Date': None},
        {},
    ]
    for given in headers:
        for params in (
            {},
            {'SignatureVersion': '9'},
            {'SignatureVersion': 2},
            {'Timestamp': 'x', 'SignatureVersion': '2'},
            {'X-Amz-Algorithm': signatures.V4},
        ):
            for signature in ('', '\0', 'None', '='):
                request = SignedRequest.from_message({'access': 'a', 'signature': signature, 'params': params, 'headers': given})
                assert not signatures.ec2_matches('secret', request, old=True)
                assert not signatures.ec2_is_timely(request, clock.timestamp(), 900)
