"""`pileus image upload` and `download`, as a user types them; connections that break in the middle are continued."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator

import pytest

from common.errors import Unavailable
from pileus import credentials, image_files
from pileus import settings as state_files
from pileus.apis import Apis
from pileus.cli import main
from tests.functional.cloud import TestCloud


@pytest.fixture
def signed_in(cloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a user."""
    for name, value in {
        'OS_AUTH_URL': cloud.auth_url, 'OS_USERNAME': 'demo', 'OS_PASSWORD': state_files.secret(cloud.state, 'demo-password'), 'OS_PROJECT_NAME': 'demo',
        'OS_USER_DOMAIN_ID': 'default', 'OS_PROJECT_DOMAIN_ID': 'default', 'OS_REGION_NAME': 'RegionOne',
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture
def apis(signed_in: None) -> Apis:
    made = Apis(credentials.session(credentials.find(None)[0]), 'RegionOne')
    made.connect()
    return made


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / 'my disk.img'
    path.write_bytes(os.urandom(3_000_001))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(['image', *words])
    said = capsys.readouterr()
    return status, said.out.strip(), said.err


def test_up_and_down_again(signed_in: None, disk: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ('--property', 'os_distro=debian', '--tag', 'mine', '--min-disk', '1', '--private')
    status, image, said = run(capsys, 'upload', str(disk), *options)
    assert status == 0 and '3000001 bytes, raw, active' in said
    target = tmp_path / 'copy.img'
    status, text, _ = run(capsys, 'download', 'my disk', str(target), '--json')
    shown = json.loads(text)
    assert status == 0 and target.read_bytes() == disk.read_bytes() and shown['id'] == image
    assert shown['os_distro'] == 'debian' and shown['tags'] == ['mine'] and shown['min_disk'] == 1 and shown['visibility'] == 'private'
    assert run(capsys, 'download', image, str(target))[0] == 2, 'it is not overwritten'
    assert run(capsys, 'download', image, str(target), '--force')[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['copy.img', 'my disk.img']


def test_an_image_that_exists_is_left_alone(signed_in: None, disk: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(capsys, 'upload', str(disk), '--name', 'once', '--if-not-exists')[1]
    status, second, said = run(capsys, 'upload', str(disk), '--name', 'once', '--if-not-exists')
    assert status == 0 and second == first and 'there already' in said
    assert run(capsys, 'upload', str(disk), '--name', 'once')[1] != first


def test_one_that_waits_for_data_gets_them(apis: Apis, disk: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {'name': 'waiting', 'disk_format': 'raw', 'container_format': 'bare'}
    waiting = apis.request('POST', 'image', '/v2/images', json=body).json()['id']
    assert run(capsys, 'upload', str(disk), '--name', 'waiting', '--if-not-exists')[:2] == (0, waiting)
    assert apis.get('image', f'/v2/images/{waiting}')['checksum'] == hashlib.md5(disk.read_bytes()).hexdigest()


def test_a_refused_upload_leaves_no_image(signed_in: None, apis: Apis, disk: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = run(capsys, 'upload', str(disk), '--name', 'a lie', '--disk-format', 'qcow2')
    assert status == 2 and 'does not match disk_format qcow2' in said
    assert apis.get('image', '/v2/images?name=a+lie')['images'] == []
    assert run(capsys, 'upload', str(disk.parent / 'missing'))[0] == 2


@pytest.mark.skipif(shutil.which('qemu-img') is None, reason='qemu-img is not installed')
@pytest.mark.parametrize(('qemu', 'ours'), [('qcow2', 'qcow2'), ('vmdk', 'vmdk'), ('vdi', 'vdi'), ('raw', 'raw')])
def test_the_format_is_seen(tmp_path: pathlib.Path, qemu: str, ours: str) -> None:
    subprocess.run(['qemu-img', 'create', '-q', '-f', qemu, tmp_path / 'disk', '4M'], check=True)
    assert image_files.detect(tmp_path / 'disk') == ours


def test_a_terminal_shows_progress(signed_in: None, disk: pathlib.Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, '-m', 'pileus', 'image', 'upload', str(disk), '--name', 'with a bar']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, 'TERM': 'xterm', 'COLUMNS': '120'}) as process:
        os.close(theirs)
        seen = b''
        with contextlib.suppress(OSError):  # what a closed terminal answers
            while piece := os.read(ours, 65536):
                seen += piece
        assert process.wait(60) == 0 and process.stdout is not None and len(process.stdout.read().strip()) == 36
    os.close(ours)
    assert b'with a bar' in seen and b'100%' in seen and b'2.9/2.9 MiB' in seen and b'active' in seen


@contextlib.contextmanager
def breaking(url: str, after: list[int]) -> Iterator[tuple[str, list[bytes]]]:
    """A door to a server that closes each connection after so many bytes of its answers; (URL, heads of requests)."""
    parts = urllib.parse.urlsplit(url)
    listener = socket.create_server(('127.0.0.1', 0))
    heads: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            left = after.pop(0) if after else 1 << 40
            with client, socket.create_connection((parts.hostname, parts.port)) as server:
                head = b''
                while b'\r\n\r\n' not in head:
                    head += client.recv(65536)
                heads.append(head)
                server.sendall(head.replace(b'Connection: keep-alive', b'Connection: close'))
                while left > 0 and (data := server.recv(min(65536, left))):
                    client.sendall(data)
                    left -= len(data)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{listener.getsockname()[1]}', heads
    finally:
        listener.close()


def test_a_download_goes_on_where_it_broke_off(apis: Apis, disk: pathlib.Path, tmp_path: pathlib.Path) -> None:
    image = image_files.upload(apis, image_files.Wish(disk, 'broken'))[0]
    shown: list[int] = []
    part = tmp_path / 'part'
    with breaking(str(apis._roots['image']), [500_000, 1_000_000, 700_000]) as (door, heads), part.open('ab') as file:
        apis._roots['image'] = door
        image_files._continue(apis, image, file, lambda done, total: shown.append(done))
    assert part.read_bytes() == disk.read_bytes()
    ranges = [line for head in heads for line in head.split(b'\r\n') if line.lower().startswith(b'range')]
    assert len(heads) == 4 and len(ranges) == 3 and shown == sorted(shown) and shown[-1] == 3_000_001


def test_what_an_interrupted_download_left_is_continued(apis: Apis, disk: pathlib.Path, tmp_path: pathlib.Path) -> None:
    image = image_files.upload(apis, image_files.Wish(disk, 'continued'))[0]
    target = tmp_path / 'target'
    part = tmp_path / f'target.{image["id"]}.part'
    part.write_bytes(disk.read_bytes()[:2_000_000])
    seen: list[int] = []
    image_files.download(apis, image['id'], target, lambda done, total: seen.append(done))
    assert min(seen) > 2_000_000 and target.read_bytes() == disk.read_bytes() and not part.exists()


def test_other_data_are_not_taken_for_the_image(apis: Apis, disk: pathlib.Path, tmp_path: pathlib.Path) -> None:
    image = image_files.upload(apis, image_files.Wish(disk, 'spoilt'))[0]
    target = tmp_path / 'target'
    part = tmp_path / f'target.{image["id"]}.part'
    part.write_bytes(b'other data' * 100)
    with pytest.raises(image_files.Conflict, match='hash'):
        image_files.download(apis, image['id'], target)
    assert not target.exists() and not part.exists()
    image_files.download(apis, image['id'], target)
    assert target.read_bytes() == disk.read_bytes()


def test_a_server_that_gives_nothing_is_given_up(
    apis: Apis, disk: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_files.upload(apis, image_files.Wish(disk, 'silent'))[0]
    monkeypatch.setattr(image_files, '_PAUSE', 0.0)
    with breaking(str(apis._roots['image']), [20] * 100) as (door, heads), (tmp_path / 'part').open('ab') as file:
        apis._roots['image'] = door
        with pytest.raises(Unavailable):
            image_files._continue(apis, image, file, lambda done, total: None)
    assert len(heads) < 20
