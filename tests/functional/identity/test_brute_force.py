"""Who guesses passwords is slowed down, and nobody else."""

from __future__ import annotations

import shutil
import threading
import types

import pytest

from common import clock, own_files
from common.config import Settings
from common.errors import TooManyRequests, Unauthorized
from common.messaging import Broker
from common.runtime import Runtime
from identity import brute_force
from identity.app import make_service
from identity.brute_force import BruteForceGuard, names_in
from identity.conf import BruteForceOptions
from identity.db import logins
from identity.guard_news import GuardGossip
from identity.known_homes import KnownHomes
from tests.functional.cloud import eventually
from tests.functional.identity.conftest import start
from tests.ports import free_port


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    found = start(tmp_path_factory.mktemp('guarded'), brute_force={'failures_per_user': 4, 'failures_per_address': 30})
    yield found
    found.runtime.stop()


_NOW = [1000.0]


@pytest.fixture(autouse=True)
def time(monkeypatch):
    """A clock that only the tests move, and never back."""
    monkeypatch.setattr('identity.brute_force.clock', types.SimpleNamespace(monotonic=lambda: _NOW[0]))
    _NOW[0] += 100

    def go(seconds):
        _NOW[0] += seconds

    return go


def login(admin, name, password):
    user = {'name': name, 'password': password, 'domain': {'id': 'default'}}
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}}}}
    return admin.session.post(f'{admin.url}/v3/auth/tokens', json=body, authenticated=False, raise_exc=False)


def make_user(admin, name):
    return admin.ok('POST', '/v3/users', {'user': {'name': name, 'password': 'right'}}, 201)['user']['id']


def test_guessing_is_slowed_and_others_are_not(admin, time):
    make_user(admin, 'victim')
    for _ in range(4):
        assert login(admin, 'victim', 'wrong').status_code == 401
    refused = login(admin, 'Victim ', 'right')
    assert refused.status_code == 429 and 0 < int(refused.headers['Retry-After']) <= 60
    assert login(admin, 'demo', 'demo-secret').status_code == 201
    time(int(refused.headers['Retry-After']))
    assert login(admin, 'victim', 'right').status_code == 201
    time(61)


def test_it_does_not_tell_whether_a_user_exists(admin, time):
    make_user(admin, 'somebody')
    answers = {name: [login(admin, name, 'wrong') for _ in range(6)] for name in ('somebody', 'nobody')}
    shown = {name: [(one.status_code, one.headers.get('Retry-After'), one.json()) for one in found] for name, found in answers.items()}
    assert shown['somebody'] == shown['nobody']
    assert [status for status, _, _ in shown['nobody']] == [401] * 4 + [429] * 2
    time(61)


def test_changing_a_password_is_no_way_around_it(admin, time):
    user_id = make_user(admin, 'changer')
    wrong = {'user': {'original_password': 'wrong', 'password': 'new'}}
    found = [admin('POST', f'/v3/users/{user_id}/password', wrong, token='').status_code for _ in range(5)]
    assert found == [401] * 4 + [429]
    time(61)


def test_many_names_from_one_address_are_slowed_too(admin, time):
    found = [login(admin, f'name{i}', 'wrong').status_code for i in range(32)]
    assert found == [401] * 30 + [429] * 2
    time(61)
    assert login(admin, 'demo', 'demo-secret').status_code == 201


def test_strangers_cannot_lock_a_user_out_of_home(time):
    guard, ann = BruteForceGuard(BruteForceOptions(failures_per_user=3)), names_of('ann')
    guard.around('192.0.2.1', ann, lambda: None)
    for _ in range(3):
        fail(guard, '198.51.100.9', ann)
    with pytest.raises(TooManyRequests):
        guard.around('203.0.113.5', ann, lambda: None)
    guard.around('192.0.2.1', ann, lambda: None)


def test_a_restart_leaves_nobody_to_strangers(cloud, admin, time):
    """Else who wants to lock the administrator, or a service, out for long waits for the next restart."""
    make_user(admin, 'homely')
    assert login(admin, 'homely', 'right').status_code == 201
    eventually(lambda: home_of('homely') in dict(kept_homes(cloud)), what='the home')
    runtime = cloud.runtime
    restarted = make_service(runtime.settings, runtime.database('identity'), runtime.state)
    KnownHomes(restarted).attach()
    name = names_of('homely')
    for _ in range(4):
        fail(restarted.guard, '203.0.113.9', name)
    assert refused(restarted.guard, '198.51.100.1', name)
    assert not refused(restarted.guard, '127.0.0.1', name)
    time(86500)
    for _ in range(4):
        fail(restarted.guard, '203.0.113.9', name)
    assert refused(restarted.guard, '127.0.0.1', name), 'it is not for ever'


def home_of(name):
    return brute_force._digest('h', names_of(name)[0], '127.0.0.1')


def kept_homes(cloud):
    with cloud.service.read() as session:
        return logins.homes(session, clock.now(), 100)


def test_who_has_a_network_has_one_address(time):
    """Of IPv6 whoever has one address has 2**64, and would have as many tries."""
    guard = BruteForceGuard(BruteForceOptions(failures_per_address=5))
    for i in range(5):
        fail(guard, f'2001:db8:1:2::{i:x}', names_of(f'u{i}'))
    assert refused(guard, '2001:db8:1:2:ffff::1', names_of('another'))
    assert not refused(guard, '2001:db8:1:3::1', names_of('another'))
    guard = BruteForceGuard(BruteForceOptions(failures_per_address=5))
    for i in range(5):
        fail(guard, ('198.51.100.7', '::ffff:198.51.100.7')[i % 2], names_of(f'u{i}'))
    assert refused(guard, '198.51.100.7', names_of('another')) and not refused(guard, '::ffff:198.51.100.8', names_of('another'))


def test_behind_a_proxy_one_who_guesses_shuts_nobody_else_out(tmp_path, time):
    etc = tmp_path / 'etc'
    shutil.copytree(own_files.etc(), etc)
    paste = etc / 'identity' / 'api-paste.ini'
    paste.write_text(paste.read_text().replace('[filter:proxied]\n', '[filter:proxied]\ntrusted = 127.0.0.1\n'))
    service = {'state_dir': str(tmp_path / 'state'), 'host': 'test', 'etc_dir': str(etc)}
    cloud = start(tmp_path / 'state', service=service, brute_force={'failures_per_address': 5})
    try:
        admin = cloud.client()

        def tries(name, password, address):
            user = {'name': name, 'password': password, 'domain': {'id': 'default'}}
            identity = {'methods': ['password'], 'password': {'user': user}}
            return admin('POST', '/v3/auth/tokens', {'auth': {'identity': identity}}, token='', X_Forwarded_For=address).status_code

        assert [tries(f'u{i}', 'wrong', '198.51.100.9') for i in range(6)] == [401] * 5 + [429]
        assert tries('demo', 'demo-secret', '198.51.100.9') == 429
        assert tries('demo', 'demo-secret', '203.0.113.5') == 201
    finally:
        cloud.runtime.stop(1.0)


def test_codes_are_slowed_more_than_passwords(admin, time):
    """They have six digits, and two of them are right at any time: at the pace of passwords one would be hit in weeks."""
    user = make_user(admin, 'coded')
    totp = {'identity': {'methods': ['totp'], 'totp': {'user': {'id': user, 'passcode': '000000'}}}}
    answers = [admin('POST', '/v3/auth/tokens', {'auth': totp}, token='').status_code for _ in range(2)]
    assert answers == [401, 429], 'of four failures a minute one is a code'


def test_what_is_remembered_is_bounded(time):
    guard = BruteForceGuard(BruteForceOptions(remembered=100))
    for i in range(500):
        fail(guard, f'192.0.2.{i}', names_of(f'u{i}'))
        guard.around(f'192.0.2.{i}', names_of(f'v{i}'), lambda: None)
    assert len(guard._failures) <= 100 and len(guard._trusted) <= 100


def test_failures_are_counted_from_many_threads(time):
    guard, ann = BruteForceGuard(BruteForceOptions(failures_per_user=50)), names_of('ann')
    threads = [threading.Thread(target=lambda: [fail(guard, None, ann) for _ in range(5)]) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(TooManyRequests):
        guard.around(None, ann, lambda: None)


def test_limits_can_be_switched_off(time):
    guard = BruteForceGuard(BruteForceOptions(failures_per_user=0, failures_per_address=0))
    for _ in range(200):
        fail(guard, '192.0.2.1', names_of('ann'))
    guard.around('192.0.2.1', names_of('ann'), lambda: None)


def test_a_token_is_no_secret_to_guess():
    assert names_in({'methods': ['token'], 'token': {'id': 'x'}}) == []


def names_of(name):
    return names_in({'methods': ['password'], 'password': {'user': {'name': name, 'domain': {'id': 'default'}}}})


def fail(guard, address, names):
    def attempt():
        raise Unauthorized()

    with pytest.raises(Unauthorized):
        guard.around(address, names, attempt)


class Told:
    """Two processes of identity as far as guards go: each has its guard, both have one broker."""

    def __init__(self, name):
        self.broker = Broker(f'pileus-memory://{name}')
        self.guards = [BruteForceGuard(BruteForceOptions(failures_per_user=4)) for _ in range(2)]
        self.gossips = [GuardGossip(guard, self.broker, 'h') for guard in self.guards]
        for gossip in self.gossips:
            gossip.start()

    def until(self, condition):
        eventually(condition, what='the news')

    def close(self):
        for gossip in self.gossips:
            gossip.stop(2.0)
        self.broker.close()


@pytest.fixture
def told(tmp_path):
    found = Told(tmp_path.name)
    yield found
    found.close()


def refused(guard, address, names):
    try:
        guard.around(address, names, lambda: None)
    except TooManyRequests:
        return True
    return False


def test_processes_tell_each_other(told, time):
    first, second = told.guards
    for guard in (first, second, first, second):
        fail(guard, None, names_of('ann'))
    told.until(lambda: sum(count for count, _ in first._failures.values()) >= 4)
    told.until(lambda: sum(count for count, _ in second._failures.values()) >= 4)
    assert refused(first, None, names_of('ann')) and refused(second, None, names_of('ann'))
    assert not refused(second, None, names_of('bob'))
    time(16)
    assert not refused(first, None, names_of('ann')), 'what others tell is forgotten as well'


def test_a_home_is_one_for_all_processes(told, time):
    first, second = told.guards
    first.around('192.0.2.1', names_of('ann'), lambda: None)
    told.until(lambda: second._trusted)
    for _ in range(4):
        fail(second, '198.51.100.9', names_of('ann'))
    assert refused(second, '203.0.113.5', names_of('ann'))
    assert not refused(second, '192.0.2.1', names_of('ann'))


def test_what_is_told_names_nobody(told, monkeypatch):
    said = []
    monkeypatch.setattr(told.guards[1], 'learn', lambda *news: said.append(repr(news)))
    fail(told.guards[0], '192.0.2.77', names_of('ann'))
    told.until(lambda: said)
    assert 'ann' not in said[0] and '192.0.2.77' not in said[0]


def test_a_whole_process_tells(tmp_path):
    settings = Settings.load(
        overrides={
            'service': {'state_dir': str(tmp_path), 'host': 'test'},
            'endpoints': {'identity': f'http://127.0.0.1:{free_port()}'},
            'messaging': {'url': f'pileus-memory://{tmp_path.name}'},
        }
    )
    runtime = Runtime(settings, embedded=False)
    runtime.build(['identity'])
    runtime.prepare()
    other = BruteForceGuard(BruteForceOptions())
    gossip = GuardGossip(other, runtime.broker, 'other')
    try:
        runtime.start()
        gossip.start()
        fail(runtime.parts['identity'].service.guard, '192.0.2.1', names_of('ann'))
        eventually(lambda: other._failures, what='the news')
    finally:
        gossip.stop(2.0)
        runtime.stop()
