"""Converting images: what comes out is the same disk, bombs and lies are refused, and the process is kept within its bounds."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import struct
import subprocess
import types
import zlib
from typing import Any

import pytest

from common.errors import InvalidInput, TooLarge, Unavailable
from common.privileged import confined
from image import conversion
from image.conf import ImageOptions

pytestmark = pytest.mark.skipif(shutil.which('qemu-img') is None, reason='qemu-img is not installed')
MIB = 1 << 20


def service(**options: Any) -> Any:
    return types.SimpleNamespace(options=ImageOptions(**options))


def raw(folder: pathlib.Path, size: int = 3 * MIB) -> pathlib.Path:
    path = folder / 'disk.raw'
    path.write_bytes(bytes(n * 7 % 251 for n in range(4096)) * 16 + b'\0' * (size - 65536))
    return path


def made(folder: pathlib.Path, qemu_format: str, *options: str) -> pathlib.Path:
    path = folder / f'disk.{qemu_format}'
    subprocess.run(['qemu-img', 'convert', '-q', '-f', 'raw', '-O', qemu_format, *options, raw(folder), path], check=True)
    return path


@pytest.mark.parametrize('to', conversion.TARGETS)
def test_there_and_back_is_the_same_disk(tmp_path: pathlib.Path, to: str) -> None:
    source, there, back = raw(tmp_path), tmp_path / 'there.converted', tmp_path / 'back.converted'
    assert conversion.convert(service(), source, 'raw', to, there) == 3 * MIB
    assert conversion.convert(service(), there, to, 'raw', back) >= 3 * MIB
    assert back.read_bytes()[: 3 * MIB] == source.read_bytes()
    assert back.stat().st_uid == os.geteuid() == source.stat().st_uid and back.stat().st_mode & 0o007 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['back.converted', 'disk.raw', 'there.converted'], 'nothing else is left'


def test_what_an_attempt_before_has_left_is_replaced(tmp_path: pathlib.Path) -> None:
    source, target = raw(tmp_path), tmp_path / 'x.converted'
    (tmp_path / 'x.work').mkdir()
    (tmp_path / 'x.work' / 'target').write_bytes(b'half')
    target.write_bytes(b'older')
    conversion.convert(service(), source, 'raw', 'qcow2', target)
    assert json.loads(subprocess.check_output(['qemu-img', 'info', '--output=json', target]))['format'] == 'qcow2'
    assert not (tmp_path / 'x.work').exists()


def qcow2_bomb(path: pathlib.Path, clusters: int) -> None:
    """A qcow2 whose table points from every place of the disk to the same compressed cluster: few bytes that unfold to many."""
    bits, cluster = 16, 1 << 16
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    data = packer.compress(b'\xaa' * cluster) + packer.flush()
    l2_tables = -(-clusters // (cluster // 8))
    data_at = (3 + l2_tables) * cluster
    shift = 62 - (bits - 8)
    entry = (1 << 62) | ((len(data) + 511) // 512 << shift) | data_at
    header = struct.pack('>4sIQIIQIIQQIIQ', b'QFI\xfb', 2, 0, 0, bits, clusters * cluster, 0, l2_tables, cluster, 2 * cluster, 1, 0, 0)
    l1 = b''.join(struct.pack('>Q', (1 << 63) | (3 + n) * cluster) for n in range(l2_tables))
    with path.open('wb') as file:
        file.write(header.ljust(cluster, b'\0') + l1.ljust(cluster, b'\0') + b'\0' * cluster)
        file.write(struct.pack('>Q', entry) * clusters)
        file.seek(data_at)
        file.write(data.ljust(cluster, b'\0'))


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / 'bomb', tmp_path / 'x.converted'
    qcow2_bomb(source, 5 * 16384)  # 1 MiB that unfolds to 5 GiB
    with pytest.raises(TooLarge, match='times as much'):
        conversion.convert(service(), source, 'qcow2', 'raw', target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['bomb']


def test_a_disk_that_is_too_large_is_refused(tmp_path: pathlib.Path) -> None:
    source = made(tmp_path, 'qcow2')
    with pytest.raises(TooLarge, match='unfolds to 3145728 bytes'):
        conversion.convert(service(conversion_max_size=MIB), source, 'qcow2', 'raw', tmp_path / 'x.converted')


@pytest.mark.parametrize(('said', 'to'), [('raw', 'qcow2'), ('vmdk', 'raw'), ('vhd', 'raw')])
def test_a_lie_is_not_converted(tmp_path: pathlib.Path, said: str, to: str) -> None:
    with pytest.raises(InvalidInput, match='does not match'):
        conversion.convert(service(), made(tmp_path, 'qcow2'), said, to, tmp_path / 'x.converted')


def test_formats_that_cannot_be_converted(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidInput, match='cannot be converted'):
        conversion.convert(service(), raw(tmp_path), 'iso', 'raw', tmp_path / 'x.converted')


def test_damaged_data(tmp_path: pathlib.Path) -> None:
    source = made(tmp_path, 'qcow2')
    data = bytearray(source.read_bytes())
    data[40:48] = struct.pack('>Q', 12345)  # where no table of tables can be
    source.write_bytes(data)
    with pytest.raises(InvalidInput, match='damaged'):
        conversion.convert(service(), source, 'qcow2', 'raw', tmp_path / 'x.converted')


def test_too_little_memory(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Unavailable, match='its share of memory'):
        conversion.convert(service(conversion_memory=1), made(tmp_path, 'qcow2'), 'qcow2', 'raw', tmp_path / 'x.converted')
    assert not (tmp_path / 'x.converted').exists()


def test_what_the_caller_raises_ends_it(tmp_path: pathlib.Path) -> None:
    class Enough(Exception):
        pass

    def check() -> None:
        raise Enough

    with pytest.raises(Enough):
        conversion.convert(service(), raw(tmp_path), 'raw', 'qcow2', tmp_path / 'x.converted', check=check)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become somebody else')
def test_the_process_is_nobody_and_bounded(tmp_path: pathlib.Path) -> None:
    """A secret above the folder, which only root may read, cannot be read as an image by the process."""
    secret = tmp_path / 'secret'
    secret.write_bytes(b'x' * MIB)
    secret.chmod(0o600)
    tmp_path.chmod(0o700)
    folder = tmp_path / 'work'
    folder.mkdir()
    confined.give_away(folder)
    for name in ('../secret', str(secret)):
        with pytest.raises(confined.CommandFailed) as caught:
            confined.run_confined(['qemu-img', 'info', '-f', 'raw', name], folder, limits={'as': 1 << 30}, timeout=60)
        assert 'denied' in caught.value.stderr.lower()
    with pytest.raises(confined.CommandFailed):
        confined.run_confined(['qemu-img', 'create', '-f', 'raw', 'big', '1M'], folder, limits={'fsize': 4096}, timeout=60)
    confined.run_confined(['qemu-img', 'create', '-f', 'raw', 'small', '1K'], folder, limits={'fsize': 4096}, timeout=60)
    assert (folder / 'small').stat().st_uid != 0


def test_a_bound_on_memory_is_not_reached_by_threads_that_only_reserve_it(tmp_path: pathlib.Path) -> None:
    """One in ten conversions of a real disk ended in `qemu_thread_create: Resource temporarily unavailable`."""
    tmp_path.chmod(0o755)
    folder = tmp_path / 'work'
    folder.mkdir()
    (folder / 'plain').write_bytes((os.urandom(48 << 10) + bytes(16 << 10)) * 256)  # clusters that can be compressed
    confined.give_away(folder)
    confined.give_away(folder / 'plain')
    confined.run_confined(
        ['qemu-img', 'convert', '-c', '-O', 'qcow2', '-f', 'raw', 'plain', 'packed'], folder, limits={'as': 1 << 30}, timeout=60
    )
    for _ in range(30):
        confined.run_confined(
            ['qemu-img', 'convert', '-O', 'raw', '-f', 'qcow2', 'packed', 'target'], folder, limits={'as': 1 << 30}, timeout=60
        )
