"""Errors in each service's form, read back by the clients' own code."""

from __future__ import annotations

import json

import pytest
import requests
from openstack import exceptions

from common import errors
from common.api.faults import formatter
from common.api.faults.network import type_of

KINDS = [
    (errors.InvalidInput('Bad thing.'), 400, exceptions.BadRequestException),
    (errors.Forbidden('No.'), 403, exceptions.ForbiddenException),
    (errors.NotFound('server', 'x'), 404, exceptions.NotFoundException),
    (errors.Conflict('Busy <now> & then.'), 409, exceptions.ConflictException),
    (errors.PreconditionFailed('Changed.'), 412, exceptions.PreconditionFailedException),
    (errors.Unavailable('Later.'), 503, exceptions.HttpException),
]


def response_of(service, error, accept='application/json'):
    status, headers, body = formatter(service)(error, 'req-5', accept)
    answer = requests.Response()
    answer.status_code, answer._content = status, body
    answer.headers.update(headers)
    answer.url = 'http://h/x'
    answer.request = requests.Request('GET', 'http://h/x').prepare()
    return answer


@pytest.mark.parametrize('service', ['identity', 'compute', 'network', 'volume', 'image'])
@pytest.mark.parametrize(('error', 'status', 'kind'), KINDS, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize('accept', ['application/json', '*/*', ''])
def test_openstacksdk_understands_each(service, error, status, kind, accept):
    answer = response_of(service, error, accept)
    assert answer.status_code == status
    assert int(answer.headers['Content-Length']) == len(answer.content)
    with pytest.raises(kind) as caught:
        exceptions.raise_from_response(answer)
    if 'json' in answer.headers['Content-Type']:
        assert error.message in str(caught.value)
    else:
        assert error.message.split(' <')[0] in str(caught.value)


@pytest.mark.parametrize(
    ('status', 'name'),
    [(400, 'badRequest'), (401, 'unauthorized'), (403, 'forbidden'), (404, 'itemNotFound'), (405, 'badMethod'), (406, 'computeFault'), (409, 'conflictingRequest'), (412, 'computeFault'), (415, 'badMediaType'), (500, 'computeFault'), (501, 'notImplemented'), (503, 'serviceUnavailable')],
)  # fmt: skip
@pytest.mark.parametrize('service', ['compute', 'volume'])
def test_names_by_status(service, status, name):
    error = errors.PileusError('Message.')
    error.status = status
    body = json.loads(formatter(service)(error, 'req-5')[2])
    assert body[name]['code'] == status
    assert 'message' in body[name]


def test_over_quota_is_what_each_client_expects():
    wanted = {'compute': (403, 'forbidden'), 'volume': (413, 'overLimit'), 'network': (409, 'NeutronError'), 'image': (413, 'message')}
    for service, (status, key) in wanted.items():
        found, headers, body = formatter(service)(errors.OverQuota('volumes', limit=1, used=1), 'req-5', 'application/json')
        assert found == status
        assert key in json.loads(body)
    headers = dict(formatter('volume')(errors.OverQuota('volumes', limit=1, used=1), 'req-5')[1])
    assert headers['Retry-After'] == '0'
    network = json.loads(formatter('network')(errors.OverQuota('ports', limit=1, used=1), 'req-5')[2])
    assert network['NeutronError']['type'] == 'OverQuota'


def test_an_error_that_is_formatted_twice_stays_the_same():
    error = errors.OverQuota('volumes', limit=1, used=1)
    assert formatter('volume')(error, 'req-5') == formatter('volume')(error, 'req-5')
    assert error.headers == {}


@pytest.mark.parametrize(
    ('error', 'name'),
    [
        (errors.NotFound('network', 'x'), 'NetworkNotFound'),
        (errors.NotFound('security group rule', 'x'), 'SecurityGroupRuleNotFound'),
        (errors.NotFound('security_group', 'x'), 'SecurityGroupNotFound'),
        (errors.NotFound('floating ip', 'x'), 'FloatingIPNotFound'),
        (errors.NotFound('router', 'x', code='router_not_found_here'), 'RouterNotFoundHere'),
        (errors.RouteNotFound(), 'HTTPNotFound'),
        (errors.NotFound(message='Nothing.'), 'HTTPNotFound'),
        (errors.InvalidInput('x'), 'HTTPBadRequest'),
        (errors.InvalidInput('x', code='invalid_ip_for_network'), 'InvalidIpForNetwork'),
        (errors.Conflict('x'), 'Conflict'),
        (errors.Conflict('x', code='network_in_use'), 'NetworkInUse'),
        (errors.Forbidden('x'), 'PolicyNotAuthorized'),
        (errors.Unauthorized(), 'HTTPUnauthorized'),
        (errors.MethodNotAllowed(), 'HTTPMethodNotAllowed'),
        (errors.PreconditionFailed('x'), 'RevisionNumberConstraintFailed'),
        (errors.PileusError(), 'HTTPInternalServerError'),
        (errors.TooLarge('x'), 'HTTPRequestEntityTooLarge'),
    ],
)
def test_neutron_types(error, name):
    assert type_of(error) == name


def test_keystone_form():
    body = json.loads(formatter('identity')(errors.NotFound('user', 'x'), 'req-5')[2])
    assert body == {'error': {'code': 404, 'message': 'User x could not be found.', 'title': 'Not Found'}}


def test_glance_escapes_in_its_page():
    status, headers, body = formatter('image')(errors.Conflict('a <script>'), 'req-5', '*/*')
    assert dict(headers)['Content-Type'] == 'text/html; charset=UTF-8'
    assert b'<script>' not in body
    assert b'a &lt;script&gt;' in body


@pytest.mark.parametrize('service', ['identity', 'compute', 'network', 'volume', 'image'])
def test_a_defect_tells_only_the_request_id(service):
    error = errors.PileusError('SELECT * FROM users', admin_detail='on host h1')
    text = formatter(service)(error, 'req-5', 'application/json')[2].decode()
    assert 'SELECT' not in text
    assert 'h1' not in text
    assert 'req-5' in text
