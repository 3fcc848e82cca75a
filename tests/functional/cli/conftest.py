"""A simulated cloud started by the command itself, and the command."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.ports import free_offset

ROOT = pathlib.Path(__file__).resolve().parents[3]
_STANDARD = (5000, 8774, 9292, 8776, 9696, 8775, 8777)


def pileus(*words, state=None, environment=None, **rest):
    """Run the command; the completed process."""
    command = [sys.executable, '-m', 'pileus', words[0], *(['--state', str(state)] if state else []), *words[1:]]
    clean = {name: value for name, value in os.environ.items() if not name.startswith('OS_')}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False, env={**clean, **(environment or {})}, **rest
    )


@dataclasses.dataclass
class Cloud:
    """A cloud that was started by `pileus up`."""

    state: pathlib.Path
    up: list[str]
    said: str

    def __call__(self, *words, **rest):
        return pileus(*words, state=self.state, **rest)

    def json(self, *words):
        done = self(*words, '--json')
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def session(self, user='admin'):
        from keystoneauth1.identity.v3 import Password
        from keystoneauth1.session import Session

        from pileus import settings as state_files
        from pileus.credentials import find

        arguments, _ = find(self.state)
        if user != 'admin':
            arguments |= {'username': user, 'project_name': user, 'password': state_files.secret(self.state, f'{user}-password')}
        return Session(Password(**arguments))

    def sdk(self, user='admin'):
        import openstack

        return openstack.connection.Connection(session=self.session(user), region_name='RegionOne')


@pytest.fixture(scope='session')
def cloud(tmp_path_factory):
    state = tmp_path_factory.mktemp('cloud') / 'state'
    words = ['up', '--simulated', '--hosts', '3', '--port-offset', str(free_offset(_STANDARD)), '--set', 'identity.password_hash_rounds=4']
    done = pileus(*words, state=state)
    try:
        assert done.returncode == 0, done.stderr
        yield Cloud(state, words, done.stdout)
    finally:
        ended = pileus('down', state=state)
    assert ended.returncode == 0, ended.stderr
