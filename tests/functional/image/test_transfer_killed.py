"""The service is killed in the middle of what `pileus image` does, and comes back: the command goes on, and nothing is half."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from common.errors import Unavailable
from pileus import credentials, image_files
from pileus import settings as state_files
from pileus.apis import Apis
from tests.ports import free_ports

NAMES = ('identity', 'image')
DATA = os.urandom(1 << 20) * 24 + b'end'

_CLOUD = """
import pathlib, sys
from common.config import Settings
from pileus import settings as state_files
from pileus.cloud import embedded, simulated_overrides
state, ports = pathlib.Path(sys.argv[1]), dict(zip(('identity', 'image'), map(int, sys.argv[2:4])))
state_files.make_secrets(state)
runtime = embedded(Settings.load(overrides=simulated_overrides(state, ports, image={'upload_idle': 5})), list(ports))
runtime.start()
print('up', flush=True)
sys.stdin.read()
"""


class Cloud:
    """Identity and image service in a process of their own, which can be killed and started again."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state, self.ports = state, free_ports(len(NAMES))
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        words = [sys.executable, '-c', _CLOUD, str(self.state), *map(str, self.ports)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None and self._process.stdout.readline() == 'up\n'

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def apis(self) -> Apis:
        given = {
            'auth_url': f'http://127.0.0.1:{self.ports[0]}/v3', 'username': 'demo', 'password': state_files.secret(self.state, 'demo-password'),
            'project_name': 'demo', 'user_domain_id': 'default', 'project_domain_id': 'default',
        }  # fmt: skip
        made = Apis(credentials.session(given), 'RegionOne')
        made.connect()
        return made


@pytest.fixture(scope='module')
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp('killed') / 'state')
    made.start()
    yield made
    made.kill()


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / 'disk.img'
    path.write_bytes(DATA)
    return path


def test_both_go_on_when_the_service_is_back(cloud: Cloud, disk: pathlib.Path, tmp_path: pathlib.Path) -> None:
    apis = cloud.apis()
    kills: list[int] = []

    def killing(done: int, total: int) -> None:
        if not kills and done > total // 2:
            kills.append(done)
            cloud.kill()
            cloud.start()

    image, is_new = image_files.upload(apis, image_files.Wish(disk, 'disk'), killing)
    assert kills and is_new and image['status'] == 'active' and image['size'] == len(DATA)
    assert len(apis.get('image', '/v2/images?name=disk')['images']) == 1
    kills.clear()
    seen: list[int] = []

    def report(done: int, total: int) -> None:
        seen.append(done)
        killing(done, total)

    image_files.download(apis, image['id'], tmp_path / 'back.img', report)
    assert kills and (tmp_path / 'back.img').read_bytes() == DATA
    assert seen == sorted(seen), 'nothing is fetched twice'


def test_a_download_waits_for_the_service_and_can_be_asked_for_again(
    cloud: Cloud, disk: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apis = cloud.apis()
    image, _ = image_files.upload(apis, image_files.Wish(disk, 'disk'))
    target = tmp_path / 'back.img'

    def killed(done: int, total: int) -> None:
        if done > total // 2:
            cloud.kill()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_files.download(apis, image['id'], target, killed)
    assert not target.exists()
    with monkeypatch.context() as hasty, pytest.raises(Unavailable):
        hasty.setattr(image_files, '_PAUSE', 0.01)
        image_files.download(apis, image['id'], target)
    cloud.start()
    seen: list[int] = []
    image_files.download(apis, image['id'], target, lambda done, total: seen.append(done))
    assert target.read_bytes() == DATA and min(seen) > len(DATA) // 2
