"""`pileus-service`: real processes, their signals, and the parent that keeps them alive."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest
import requests

from pileus.service import PARTS, targets_of
from tests.functional.runtime.conftest import ROOT, eventually


def session():
    made = requests.Session()
    made.trust_env = False
    return made


def token(site):
    user = {'name': 'admin', 'domain': {'id': 'default'}, 'password': site.secret('admin-password')}
    body = {
        'auth': {
            'identity': {'methods': ['password'], 'password': {'user': user}},
            'scope': {'project': {'name': 'admin', 'domain': {'id': 'default'}}},
        }
    }
    answer = session().post(f'{site.url("identity")}/v3/auth/tokens', json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.headers['X-Subject-Token']


@pytest.mark.parametrize('concurrency', ['threads', 'eventlet'])
def test_an_api_as_a_process(site, concurrency):
    one = site(service={'concurrency': concurrency})
    process = one.start('--prepare', 'identity')
    assert session().get(f'{one.url("identity")}/healthcheck', timeout=60).text == 'OK'
    assert token(one)
    process.send_signal(signal.SIGUSR1)
    eventually(lambda: '--- thread MainThread' in one.output())
    process.terminate()
    assert process.wait(60) == 0
    assert 'Traceback' not in one.output()


def test_a_hang_up_opens_the_logs_anew(site):
    one = site()
    process = one.start('--prepare', 'identity')
    log = one.state / 'logs' / 'identity-api.log'
    session().get(f'{one.url("identity")}/v3', timeout=60)
    eventually(lambda: log.exists() and 'GET /v3' in log.read_text())
    log.rename(log.with_suffix('.old'))
    process.send_signal(signal.SIGHUP)
    eventually(lambda: session().get(f'{one.url("identity")}/v3', timeout=60).ok and log.exists())
    assert process.poll() is None


def test_a_hang_up_while_it_starts_is_heeded(site):
    one = site()
    process, ready = one.begin('--prepare', 'identity')
    log = one.state / 'logs' / 'identity-api.log'
    eventually(log.exists)
    log.rename(log.with_suffix('.old'))
    process.send_signal(signal.SIGHUP)
    one.await_ready(ready)
    eventually(lambda: session().get(f'{one.url("identity")}/v3', timeout=60).ok and log.exists())


def test_a_storm_of_hang_ups_does_not_stop_it(site):
    one = site()
    process = one.start('--prepare', 'identity')
    for _ in range(2000):
        process.send_signal(signal.SIGHUP)
    assert session().get(f'{one.url("identity")}/healthcheck', timeout=60).text == 'OK'
    process.terminate()
    assert process.wait(60) == 0


def test_several_processes_share_the_port_of_an_api(site):
    one = site()
    one.start('--prepare', '--processes', '3', 'identity', 'api')
    children = json.loads((one.state / 'run' / 'processes.json').read_text())
    assert set(children) == {'supervisor', 'identity-api', 'identity-api-1', 'identity-api-2'}
    for _ in range(10):
        assert session().get(f'{one.url("identity")}/healthcheck', timeout=60).text == 'OK'
    assert token(one)


def test_a_killed_child_is_started_again_and_nobody_notices(site):
    one = site()
    parent = one.start('--prepare', '--processes', '2', 'identity', 'api')
    book = one.state / 'run' / 'processes.json'
    before = json.loads(book.read_text())
    os.kill(before['identity-api'], signal.SIGKILL)
    for _ in range(20):
        assert session().get(f'{one.url("identity")}/healthcheck', timeout=60).text == 'OK'
    after = eventually(lambda: changed(book, before))
    assert after['identity-api-1'] == before['identity-api-1']
    parent.terminate()
    assert parent.wait(60) == 0
    assert not any(alive(pid) for pid in after.values())
    assert not book.exists()


def changed(book, before):
    found = json.loads(book.read_text())
    return found if found.get('identity-api') not in (None, before['identity-api']) else None


def alive(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_children_end_with_their_parent(site):
    one = site()
    parent = one.start('--prepare', '--processes', '2', 'identity', 'api')
    children = json.loads((one.state / 'run' / 'processes.json').read_text())
    parent.kill()
    parent.wait()
    eventually(lambda: not any(alive(pid) for pid in children.values()))
    one.start('--processes', '2', 'identity', 'api')
    assert session().get(f'{one.url("identity")}/healthcheck', timeout=60).text == 'OK'


def test_parts_in_processes_of_their_own_know_each_others_tokens(site):
    one = site(messaging={'url': 'pileus-memory://x'})
    one.start('--prepare', 'identity:api', 'image:api')
    answer = session().get(f'{one.url("image")}/v2/images', headers={'X-Auth-Token': token(one)}, timeout=60)
    assert answer.json()['images'] == []
    assert session().get(f'{one.url("image")}/v2/images', timeout=60).status_code == 401


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['identiti'], "There is no service 'identiti'"),
        (['image', 'worker'], "image has no part 'worker'; known: api, conductor"),
        (['image:api', 'volume:agent'], "volume has no part 'agent'"),
    ],
)
def test_what_there_is_not(site, words, said):
    one = site()
    done = subprocess.run(
        [sys.executable, '-m', 'pileus.service', '--config-file', str(one.config), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_typo_in_the_configuration_stops_the_start(site):
    one = site(servise={'host': 'x'})
    done = subprocess.run(
        [sys.executable, '-m', 'pileus.service', '--config-file', str(one.config), 'identity'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no section [servise]; did you mean 'service'?" in done.stderr


def test_a_taken_port_is_said(site):
    one = site()
    one.start('--prepare', 'identity')
    done = subprocess.run(
        [sys.executable, '-m', 'pileus.service', '--config-file', str(one.config), 'identity'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f'Port {one.ports["identity"]} of 127.0.0.1 cannot be listened on' in done.stderr


def test_names_of_targets():
    assert targets_of(['network']) == [('network', ('api', 'conductor', 'agent'))]
    assert targets_of(['network', 'agent']) == [('network', ('agent',))]
    assert targets_of(['image:api', 'image:conductor']) == [('image', ('api',)), ('image', ('conductor',))]
    every = targets_of(['every'])
    assert ('scheduler', ('api', 'conductor')) in every
    assert {(service, part) for service, parts in every for part in parts} == {
        (service, part) for service, parts in PARTS.items() for part in parts
    }
