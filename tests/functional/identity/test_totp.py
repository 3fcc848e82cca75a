"""One-time passwords, alone and together with a password; and receipts for a login in two steps."""

from __future__ import annotations

import base64
import dataclasses
import types

import pytest
from keystoneauth1 import exceptions
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from common.ids import new_hex_id
from identity.one_time_passwords import code, seed_of

SEED = b'12345678901234567890'
_NOW = [1_800_000_000.0]


@pytest.fixture(autouse=True)
def time(monkeypatch):
    """The clock that codes are made by; it stands still unless a test moves it."""
    monkeypatch.setattr('identity.one_time_passwords.clock', types.SimpleNamespace(timestamp=lambda: _NOW[0]))
    _NOW[0] += 3000

    def go(seconds):
        _NOW[0] += seconds

    return go


def shown(ago=0, seed=SEED):
    """What the user's device shows, or showed some steps ago."""
    return code(seed, int(_NOW[0]) // 30 - ago)


@pytest.fixture
def person(admin):
    """A user with an authenticator: (name, id)."""
    name = f't{new_hex_id()[:8]}'
    user = admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': 'secret', 'domain_id': 'default'}}, 201)['user']['id']
    blob = base64.b32encode(SEED).decode().lower()
    admin.ok('POST', '/v3/credentials', {'credential': {'type': 'totp', 'user_id': user, 'blob': blob}}, 201)
    yield name, user
    admin('DELETE', f'/v3/users/{user}')


def both(admin, user):
    """From now on the user needs a password and a code."""
    rules = {'multi_factor_auth_enabled': True, 'multi_factor_auth_rules': [['password', 'totp']]}
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'options': rules}})


def login(admin, *, user, receipt=None, **proofs):
    """The answer to a login with `password=` and `passcode=`."""
    names = {'password': 'password', 'passcode': 'totp'}
    identity = {'methods': [names[kind] for kind in proofs]}
    identity |= {names[kind]: {'user': {'id': user, kind: value}} for kind, value in proofs.items()}
    headers = {'Openstack-Auth-Receipt': receipt} if receipt else {}
    body = {'auth': {'identity': identity}}
    return admin.session.post(f'{admin.url}/v3/auth/tokens', json=body, headers=headers, authenticated=False, raise_exc=False)


@pytest.mark.parametrize(
    ('when', 'expected'), [(59, '287082'), (1111111109, '081804'), (1111111111, '050471'), (1234567890, '005924'), (20000000000, '353130')]
)
def test_codes_are_those_of_the_standard(when, expected):
    """Appendix B of RFC 6238, the last six digits."""
    assert code(SEED, when // 30) == expected


def test_seeds_as_people_write_them():
    assert seed_of('gezd gnbv gy3t qojq GEZDGNBVGY3TQOJQ') == SEED == seed_of(base64.b32encode(SEED).decode() + '====')
    assert seed_of('0189') is None and seed_of('') is None and seed_of('ä') is None


def test_a_code_is_enough_where_no_rule_says_otherwise(cloud, admin, person):
    name, user = person
    auth = v3.TOTP(f'{cloud.url}/v3', passcode=shown(), username=name, user_domain_id='default', unscoped=True)
    token = ks_session.Session(auth).get_token()
    found = admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']
    assert (found['user']['id'], found['methods']) == (user, ['totp'])


def test_a_code_is_good_once(admin, person, time):
    _, user = person
    assert login(admin, user=user, passcode=shown()).status_code == 201
    assert login(admin, user=user, passcode=shown()).status_code == 401
    assert login(admin, user=user, passcode=shown(1)).status_code == 401, 'an older one after a newer one'
    time(30)
    assert login(admin, user=user, passcode=shown()).status_code == 201


def test_a_code_is_good_a_little_later_and_no_more(admin, person, time):
    _, user = person
    assert login(admin, user=user, passcode=shown(2)).status_code == 401
    assert login(admin, user=user, passcode=shown(-1)).status_code == 401
    assert login(admin, user=user, passcode=shown(1)).status_code == 201
    for wrong in ('', '1', '0' * 400, 'äöüäöü', shown(seed=b'another')):
        assert login(admin, user=user, passcode=wrong).status_code == 401


def test_any_of_several_devices_will_do(admin, person):
    _, user = person
    blob = base64.b32encode(b'second device').decode()
    admin.ok('POST', '/v3/credentials', {'credential': {'type': 'totp', 'user_id': user, 'blob': blob}}, 201)
    assert login(admin, user=user, passcode=shown(seed=b'second device')).status_code == 201
    assert login(admin, user=user, passcode=shown()).status_code == 201


def test_who_has_no_device_or_is_disabled_or_unknown_stays_out(admin, person):
    _, user = person
    assert login(admin, user=new_hex_id(), passcode=shown()).status_code == 401
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'enabled': False}})
    assert login(admin, user=user, passcode=shown()).status_code == 401
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'enabled': True}})
    for credential in admin.ok('GET', f'/v3/credentials?user_id={user}')['credentials']:
        admin.ok('DELETE', f'/v3/credentials/{credential["id"]}', status=204)
    assert login(admin, user=user, passcode=shown()).status_code == 401


def test_a_seed_must_be_one(admin, person):
    _, user = person
    refused = admin('POST', '/v3/credentials', {'credential': {'type': 'totp', 'user_id': user, 'blob': 'not base32!'}})
    assert refused.status_code == 400 and 'base32' in refused.json()['error']['message']
    kept = admin.ok('GET', f'/v3/credentials?user_id={user}')['credentials'][0]['id']
    assert admin('PATCH', f'/v3/credentials/{kept}', {'credential': {'blob': '1'}}).status_code == 400


def test_both_at_once(cloud, admin, person):
    name, user = person
    both(admin, user)
    auth = v3.MultiFactor(
        f'{cloud.url}/v3',
        ['v3password', 'v3totp'],
        username=name,
        user_domain_id='default',
        password='secret',
        passcode=shown(),
        unscoped=True,
    )
    token = ks_session.Session(auth).get_token()
    assert set(admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']['methods']) == {'password', 'totp'}
    assert login(admin, user=user, password='wrong', passcode=shown()).status_code == 401


def test_one_after_the_other_with_a_receipt(cloud, admin, person):
    name, user = person
    both(admin, user)
    first = v3.Password(f'{cloud.url}/v3', username=name, password='secret', user_domain_id='default', unscoped=True)
    with pytest.raises(exceptions.MissingAuthMethods) as raised:
        ks_session.Session(first).get_token()
    missing = raised.value
    assert missing.methods == ['password'] and missing.required_auth_methods == [['password', 'totp']]
    body = missing.response.json()
    assert set(body) == {'receipt', 'required_auth_methods'}
    assert body['receipt']['user'] == {'id': user, 'name': name, 'domain': {'id': 'default', 'name': 'Default'}}
    second = v3.TOTP(f'{cloud.url}/v3', passcode=shown(), username=name, user_domain_id='default', unscoped=True)
    second.add_method(v3.ReceiptMethod(receipt=missing.receipt))
    token = ks_session.Session(second).get_token()
    assert set(admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)['token']['methods']) == {'password', 'totp'}


def test_the_code_first_and_then_the_password(admin, person):
    _, user = person
    both(admin, user)
    receipt = login(admin, user=user, passcode=shown()).headers['Openstack-Auth-Receipt']
    assert login(admin, user=user, receipt=receipt, password='secret').status_code == 201


def test_a_receipt_ends_with_the_device_that_it_rests_on(admin, person):
    _, user = person
    both(admin, user)
    receipt = login(admin, user=user, passcode=shown()).headers['Openstack-Auth-Receipt']
    [device] = admin.ok('GET', f'/v3/credentials?user_id={user}')['credentials']
    admin.ok('DELETE', f'/v3/credentials/{device["id"]}', status=204)
    assert login(admin, user=user, receipt=receipt, password='secret').status_code == 401


def test_a_token_finished_with_a_receipt_ends_with_the_device(admin, person):
    _, user = person
    both(admin, user)
    receipt = login(admin, user=user, passcode=shown()).headers['Openstack-Auth-Receipt']
    token = login(admin, user=user, receipt=receipt, password='secret').headers['X-Subject-Token']
    admin.ok('GET', '/v3/auth/tokens', X_Subject_Token=token)
    [device] = admin.ok('GET', f'/v3/credentials?user_id={user}')['credentials']
    admin.ok('DELETE', f'/v3/credentials/{device["id"]}', status=204)
    assert admin('GET', '/v3/auth/tokens', X_Subject_Token=token).status_code == 404


def test_a_receipt_is_no_token_and_proves_nothing_else(cloud, admin, person, time):
    _, user = person
    both(admin, user)
    receipt = login(admin, user=user, password='secret').headers['Openstack-Auth-Receipt']
    assert admin('GET', '/v3/auth/tokens', token=receipt, X_Subject_Token=receipt).status_code == 401
    assert admin('GET', '/v3/auth/tokens', X_Subject_Token=receipt).status_code == 404
    assert login(admin, user=user, receipt=receipt, password='secret').status_code == 401, 'the same method again'
    demo = admin.ok('GET', '/v3/users?name=demo')['users'][0]['id']
    assert login(admin, user=demo, receipt=receipt, password='demo-secret').status_code == 401, "another's receipt"
    for wrong in (
        receipt[:-2],
        receipt + 'AA',
        receipt[:20] + ('B' if receipt[20] == 'A' else 'A') + receipt[21:],
        'pr1.',
        admin.token,
        'ä',
    ):
        cloud.service.guard._failures.clear()  # these are failed logins, of which there may be few
        assert login(admin, user=user, receipt=wrong, passcode=shown()).status_code == 401
    time(30)
    assert login(admin, user=user, receipt=receipt, passcode=shown()).status_code == 201


def test_a_receipt_ends(cloud, admin, person, monkeypatch):
    _, user = person
    both(admin, user)
    receipt = login(admin, user=user, password='secret').headers['Openstack-Auth-Receipt']
    from common import clock

    monkeypatch.setattr('identity.receipts.clock', types.SimpleNamespace(timestamp=lambda: clock.timestamp() + 301))
    assert login(admin, user=user, receipt=receipt, passcode=shown()).status_code == 401


def test_a_new_password_voids_a_receipt(admin, person):
    _, user = person
    both(admin, user)
    receipt = login(admin, user=user, password='secret').headers['Openstack-Auth-Receipt']
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'password': 'changed'}})
    assert login(admin, user=user, receipt=receipt, passcode=shown()).status_code == 401


def test_wrong_factors_get_no_receipt(admin, person):
    _, user = person
    both(admin, user)
    refused = login(admin, user=user, password='wrong')
    assert refused.status_code == 401 and 'Openstack-Auth-Receipt' not in refused.headers
    admin.ok('PATCH', f'/v3/users/{user}', {'user': {'options': {'multi_factor_auth_rules': [['totp', 'application_credential']]}}})
    refused = login(admin, user=user, password='secret')
    assert refused.status_code == 401 and 'Openstack-Auth-Receipt' not in refused.headers, 'no rule has a password in it'


def test_the_right_password_does_not_pay_for_wrong_codes(cloud, admin, person, no_time_passes):
    """Half a login must not wipe out the failures of the other half: codes are short."""
    _, user = person
    both(admin, user)
    answers = []
    for _ in range(30):
        login(admin, user=user, password='secret')
        answers.append(login(admin, user=user, password='secret', passcode='000000').status_code)
    assert 429 in answers and answers[0] == 401


def test_wrong_codes_lock_out_as_wrong_passwords_do(cloud, admin, person, monkeypatch, time):
    """Also those that come with the right password."""
    _, user = person
    both(admin, user)
    strict = dataclasses.replace(cloud.service.rules._rules, lockout_failure_attempts=3)
    monkeypatch.setattr(cloud.service.rules, '_rules', strict)
    for _ in range(2):
        assert login(admin, user=user, password='secret', passcode='000000').status_code == 401
    assert login(admin, user=user, password='secret', passcode=shown()).status_code == 201, 'which starts the count anew'
    time(30)
    for _ in range(3):
        assert login(admin, user=user, password='secret', passcode='000000').status_code == 401
    assert login(admin, user=user, password='secret', passcode=shown()).status_code == 401
