"""Processes of services with databases and keys of their own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import pytest

from pileus import settings as state_files
from tests.ports import free_ports

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVICES = ('identity', 'compute', 'image', 'volume', 'network', 'metadata', 'scheduler')


def eventually(condition, seconds=60.0, what='it'):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f'{what} did not come true'
        time.sleep(0.02)


class Site:
    """A state folder with a configuration, and processes started from it."""

    def __init__(self, state, **groups):
        self.state = state
        state_files.make_secrets(state)
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        values = {
            'service': {'state_dir': state, 'host': 'h1', 'drain': 2},
            'endpoints': {name: f'http://127.0.0.1:{port}' for name, port in self.ports.items()},
            'identity': {'password_hash_rounds': 4},
            'compute': {'driver': 'simulated'},
            'volume': {'pool': 'simulated', 'target': 'simulated'},
            'network': {'driver': 'simulated'},
        }
        for name, options in groups.items():
            values.setdefault(name, {}).update(options)
        self.config = state_files.write_config(state, values)
        self.started = []

    def start(self, *words):
        """A `pileus-service` process, when it says that it is ready."""
        process, ready = self.begin(*words)
        self.await_ready(ready)
        return process

    def begin(self, *words):
        """A `pileus-service` process, and the file in which it will say that it is ready."""
        reader, writer = os.pipe()
        command = [sys.executable, '-m', 'pileus.service', '--config-file', str(self.config), '--ready-fd', str(writer), *words]
        output = (self.state / 'output').open('ab')
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[writer], stdout=output, stderr=output)
        os.close(writer)
        output.close()
        self.started.append(process)
        return process, os.fdopen(reader, 'rb')

    def await_ready(self, ready):
        with ready:
            said = ready.read(6)
        assert said == b'ready\n', (self.state / 'output').read_text()[-3000:]

    def output(self):
        return (self.state / 'output').read_text()

    def url(self, service):
        return f'http://127.0.0.1:{self.ports[service]}'

    def secret(self, name):
        return state_files.secret(self.state, name)

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def site(tmp_path):
    made = []

    def new(**groups):
        made.append(Site(tmp_path / f'state{len(made)}', **groups))
        return made[-1]

    yield new
    for one in made:
        one.close()
