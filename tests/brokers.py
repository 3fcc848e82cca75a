"""Brokers for tests: the one in memory, and a private RabbitMQ of the machine's own package.

    from tests.brokers import broker_url, rabbitmq

`PILEUS_TEST_BROKERS=memory` limits the kinds.
"""

from __future__ import annotations

import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.ports import free_ports

CHOSEN = [kind for kind in os.environ.get('PILEUS_TEST_BROKERS', 'memory,rabbitmq').split(',') if kind]


def missing() -> str | None:
    """Why RabbitMQ cannot be started here; None if it can."""
    return (
        None if shutil.which('rabbitmq-server') and shutil.which('erl') else 'RabbitMQ is not installed (apt-get install rabbitmq-server)'
    )


class RabbitMq:
    """A node with its own port mapper, all of it on loopback and in a folder of its own."""

    def __init__(self) -> None:
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='pileus-rabbit-'))
        self.port, dist, self._epmd_port = free_ports(3)
        (self.home / 'rabbitmq.conf').write_text(f'listeners.tcp.1 = 127.0.0.1:{self.port}\n')
        (self.home / 'enabled_plugins').write_text('[].\n')
        cookie = self.home / '.erlang.cookie'
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        self.environment = {
            **os.environ,
            'HOME': str(self.home),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'ERL_EPMD_PORT': str(self._epmd_port),
            'RABBITMQ_HOME': str(self.home),
            'RABBITMQ_NODENAME': f'pileus-test-{self.port}@localhost',
            'RABBITMQ_DIST_PORT': str(dist),
            'RABBITMQ_CONFIG_FILE': str(self.home / 'rabbitmq.conf'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(self.home / 'enabled_plugins'),
            'RABBITMQ_MNESIA_BASE': str(self.home / 'mnesia'),
            'RABBITMQ_LOG_BASE': str(self.home / 'log'),
            'RABBITMQ_PID_FILE': str(self.home / 'pid'),
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '+sbwt none +sbwtdcpu none +sbwtdio none',
        }
        binary = next(pathlib.Path('/usr/lib/rabbitmq').glob('lib/rabbitmq_server-*/sbin/rabbitmq-server'), None)
        self._binary = str(binary) if binary else 'rabbitmq-server'
        self._epmd = subprocess.Popen(
            ['epmd', '-address', '127.0.0.1', '-port', str(self._epmd_port)],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._node: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For `Broker`, in a virtual host of its own for each call of `fresh`."""
        return f'amqp://guest:guest@127.0.0.1:{self.port}//'

    def start(self) -> None:
        """Start the node and wait until it takes connections."""
        log = (self.home / 'output').open('ab')
        self._node = subprocess.Popen([self._binary], env=self.environment, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 90
        while True:
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(('127.0.0.1', self.port)) == 0:
                    return
            if self._node.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.home / 'output').read_text()[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """End the node; what is durable stays."""
        if self._node is not None and self._node.poll() is None:
            os.killpg(self._node.pid, signal.SIGTERM)
            try:
                self._node.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._node.pid, signal.SIGKILL)
                self._node.wait()
        self._node = None

    def control(self, *words: str) -> str:
        """`rabbitmqctl`."""
        tool = pathlib.Path(self._binary).with_name('rabbitmqctl')
        return subprocess.run([str(tool), *words], env=self.environment, check=True, capture_output=True, text=True, timeout=60).stdout

    def close(self) -> None:
        """End everything and remove the folder."""
        self.stop()
        self._epmd.terminate()
        self._epmd.wait()
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope='session')
def rabbitmq() -> Iterator[RabbitMq]:
    """A running RabbitMQ of our own, shared by the session."""
    reason = missing()
    if reason or 'rabbitmq' not in CHOSEN:
        pytest.skip(reason or 'left out by PILEUS_TEST_BROKERS')
    node = RabbitMq()
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture(params=CHOSEN)
def broker_url(request: pytest.FixtureRequest) -> str:
    """The URL of each kind of broker."""
    if request.param == 'memory':
        return f'pileus-memory://{uuid.uuid4().hex}'
    return str(request.getfixturevalue('rabbitmq').url)
