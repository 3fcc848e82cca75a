"""What a host keeps of images: downloads that break off, data that is not what it should be, and making room."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import threading
import types
import uuid
from collections.abc import Iterator

import pytest

from common import clock
from common.errors import InvalidInput, Refused, Superseded, Transient
from compute.virt.base import CacheLimits, Download, ServerSpec
from compute.virt.libvirt.disks import DiskStore
from compute.virt.libvirt.image_cache import GRACE, ImageCache

pytestmark = pytest.mark.skipif(not shutil.which('qemu-img'), reason='qemu-img is not installed')
MIB = 1 << 20


class Origin:
    """An image service with one image. `breaks` are the bytes after which an answer breaks off, one for each answer."""

    def __init__(self, data: bytes, disk_format: str = 'raw', breaks: tuple[int, ...] = ()) -> None:
        self.data, self.disk_format, self.breaks = data, disk_format, list(breaks)
        self.id = str(uuid.uuid4())
        self.asked: list[int] = []
        self.told: list[tuple[int, int]] = []

    def _open(self, offset: int) -> Iterator[bytes]:
        self.asked.append(offset)
        left = self.breaks.pop(0) if self.breaks else None
        data = self.data[offset:]
        for first in range(0, len(data), 1000):
            if left is not None and first >= left:
                raise Transient('It broke off.')
            yield data[first : first + 1000]

    def download(self, **changes: object) -> Download:
        whole = Download(
            self.id, self.disk_format, self._open, len(self.data), 'sha512', hashlib.sha512(self.data).hexdigest(),
            lambda done, total: self.told.append((done, total)),
        )  # fmt: skip
        return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> ImageCache:
    return ImageCache(tmp_path / 'base-images')


def names(cache: ImageCache) -> list[str]:
    return sorted(path.name for path in cache.top.iterdir())


def test_an_image_is_kept_and_asked_for_once(cache: ImageCache) -> None:
    origin = Origin(b'x' * 5000)
    path = cache.take(origin.download())
    assert path.read_bytes() == origin.data
    assert cache.take(origin.download()) == cache.find(origin.id) == path
    assert (origin.asked, origin.told[-1]) == ([0], (5000, 5000))
    assert names(cache) == [f'{origin.id}.raw']


def test_an_entry_that_was_cut_off_is_fetched_again(cache: ImageCache) -> None:
    """As a power cut or a full disk may leave it. Who runs on the old file keeps it."""
    origin = Origin(os.urandom(3 * MIB))
    kept = cache.take(origin.download())
    with kept.open('r+b') as running:
        running.truncate(MIB)
        assert cache.take(origin.download()) == kept and kept.read_bytes() == origin.data
        assert os.fstat(running.fileno()).st_ino != kept.stat().st_ino
    assert cache.take(origin.download()) == kept and origin.asked == [0, 0]


def test_an_image_is_on_disk_before_it_has_its_name(cache: ImageCache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / 'disk.vdi'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'vdi', source, '8M'], check=True)
    done: list[str] = []
    sync, rename = os.fsync, pathlib.Path.rename
    monkeypatch.setattr(
        os, 'fsync', lambda descriptor: (done.append(str(pathlib.Path(f'/proc/self/fd/{descriptor}').readlink())), sync(descriptor))[1]
    )
    monkeypatch.setattr(pathlib.Path, 'rename', lambda path, target: (done.append(f'rename {path}'), rename(path, target))[1])
    origin = Origin(source.read_bytes(), 'vdi')
    cache.take(origin.download())
    turned = str(cache.top / f'{origin.id}.turned')
    assert done[-3:] == [turned, f'rename {turned}', str(cache.top)], 'the data, then the name, then the folder that has it'


def test_a_download_goes_on_where_it_broke_off(cache: ImageCache) -> None:
    origin = Origin(os.urandom(10_500), breaks=(3000, 4000))
    for _ in range(2):
        with pytest.raises(Transient, match='broke off'):
            cache.take(origin.download())
        assert cache.find(origin.id) is None
    # The rest is for another process: the first one was killed.
    path = ImageCache(cache.top).take(origin.download())
    assert path.read_bytes() == origin.data
    assert origin.asked == [0, 3000, 7000]


def test_what_arrived_whole_before_a_crash_is_not_asked_for_again(cache: ImageCache) -> None:
    origin = Origin(b'y' * 3000)
    cache.top.mkdir()
    (cache.top / f'{origin.id}.part').write_bytes(origin.data)
    assert cache.take(origin.download()).read_bytes() == origin.data
    assert origin.asked == []


@pytest.mark.parametrize('left', [b'z' * 500, b'z' * 9000])
def test_a_part_that_a_power_cut_has_damaged_is_thrown_away(cache: ImageCache, left: bytes) -> None:
    origin = Origin(b'y' * 3000)
    cache.top.mkdir()
    (cache.top / f'{origin.id}.part').write_bytes(left)
    if len(left) < 3000:
        with pytest.raises(Transient, match='damaged'):
            cache.take(origin.download())
        assert names(cache) == []
    assert cache.take(origin.download()).read_bytes() == origin.data


def test_an_image_that_ends_too_early_is_not_kept_as_one(cache: ImageCache) -> None:
    origin = Origin(b'y' * 3000)
    with pytest.raises(Transient, match='whole'):
        cache.take(origin.download(size=4000))
    assert cache.find(origin.id) is None


def test_turning_an_image_reaches_no_other(cache: ImageCache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even were its words not looked at: what turns it has a folder of its own, and is nobody."""
    kept = cache.take(Origin(os.urandom(MIB)).download())
    words = f'# Disk DescriptorFile\n#CREATETYPE="monolithicSparse"\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "{kept.name}" 0\n'
    header = struct.pack('<4sIIQQQQIQQQ', b'KDMV', 1, 3, 0, 128, 1, 20, 512, 21, 26, 128)
    hostile = Origin((header.ljust(512, b'\0') + words.encode()).ljust(65536, b'\0'), 'vmdk')
    with pytest.raises(InvalidInput, match='without data'):
        cache.take(hostile.download())
    monkeypatch.setattr('common.image_format.why_unsafe', lambda head: None)
    with pytest.raises(InvalidInput, match='damaged'):
        cache.take(hostile.download())
    assert names(cache) == [kept.name]


def test_lies_are_refused_and_leave_nothing(cache: ImageCache, tmp_path: pathlib.Path) -> None:
    def qcow2(*options: str) -> bytes:
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', *options, str(tmp_path / 'made'), '8M'], check=True)
        return (tmp_path / 'made').read_bytes()

    (tmp_path / 'base').write_bytes(bytes(MIB))
    backed = qcow2('-b', str(tmp_path / 'base'), '-F', 'raw')
    iso = bytes(32769) + b'CD001' + bytes(4096)
    for data, claimed in ((backed, 'qcow2'), (qcow2(), 'raw'), (b'no image at all', 'qcow2'), (iso, 'raw'), (bytes(MIB), 'vmdk')):
        origin = Origin(data, claimed)
        with pytest.raises(InvalidInput):
            cache.take(origin.download())
        assert names(cache) == [], f'{claimed} with other data'
    with pytest.raises(Refused, match='aki'):
        cache.take(Origin(b'kernel', 'aki').download())


@pytest.mark.parametrize(('said', 'made'), [('vmdk', 'vmdk'), ('vdi', 'vdi'), ('vhd', 'vpc'), ('vhdx', 'vhdx')])
def test_what_qemu_builds_nothing_on_is_turned_into_qcow2(cache: ImageCache, tmp_path: pathlib.Path, said: str, made: str) -> None:
    subprocess.run(['qemu-img', 'create', '-q', '-f', made, str(tmp_path / 'made'), '8M'], check=True)
    origin = Origin((tmp_path / 'made').read_bytes(), said)
    path = cache.take(origin.download())
    assert path == cache.find(origin.id) == cache.top / f'{origin.id}.qcow2'
    assert path.read_bytes()[:4] == b'QFI\xfb'
    assert names(cache) == [path.name]


def test_who_waits_for_an_image_can_be_stopped(cache: ImageCache) -> None:
    origin, going, done = Origin(b'x' * 5000), threading.Event(), threading.Event()

    def slowly(offset: int) -> Iterator[bytes]:
        going.set()
        done.wait(120)
        yield origin.data[offset:]

    def overtaken(*_: int) -> None:
        raise Superseded('A delete came.')

    first = threading.Thread(target=lambda: cache.take(origin.download(open=slowly)))
    first.start()
    assert going.wait(60)
    with pytest.raises(Superseded):
        cache.take(origin.download(tell=overtaken))
    done.set()
    first.join()
    assert cache.find(origin.id) is not None


def old(path: pathlib.Path, seconds: float) -> None:
    when = clock.timestamp() - seconds
    os.utime(path, (when, when))


def test_the_least_recently_used_goes_first_and_what_is_used_stays(tmp_path: pathlib.Path) -> None:
    disks = DiskStore(tmp_path / 'instances')
    cache = ImageCache(tmp_path / 'base-images', disks.bases, CacheLimits(max_bytes=3 * MIB))
    kept = [cache.take(Origin(os.urandom(MIB)).download()) for _ in range(5)]
    in_use, oldest, older, looked_at, fresh = kept
    folder = disks.folder(str(uuid.uuid4()))
    folder.mkdir(parents=True)
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', str(in_use), '-F', 'raw', str(folder / 'disk')], check=True)
    (folder / 'console.log').write_text('short')
    assert disks.bases() == {in_use}
    for age, path in enumerate((fresh, looked_at, older, oldest, in_use)):
        old(path, age * (GRACE + 1))
    assert cache.find(looked_at.stem) == looked_at
    assert set(cache.prune()) == {oldest.stem, older.stem}
    assert names(cache) == sorted(path.name for path in (in_use, looked_at, fresh))
    old(in_use, 10 * GRACE)
    shutil.rmtree(folder)
    limits = CacheLimits(max_idle=GRACE + 1)
    assert ImageCache(cache.top, disks.bases, limits).prune() == [in_use.stem], 'nobody uses it any more, for too long'


def test_the_cache_makes_room_when_an_image_comes(tmp_path: pathlib.Path) -> None:
    cache = ImageCache(tmp_path / 'base-images', set, CacheLimits(max_bytes=MIB))
    first = cache.take(Origin(os.urandom(MIB)).download())
    second = cache.take(Origin(os.urandom(MIB)).download())
    assert names(cache) == sorted((first.name, second.name)), 'a boot may be about to use the first'
    old(first, GRACE + 1)
    third = cache.take(Origin(os.urandom(MIB)).download())
    assert names(cache) == sorted((second.name, third.name))


def test_a_disk_that_is_nearly_full_gets_room(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ImageCache(tmp_path / 'base-images')
    older, newer = (cache.take(Origin(os.urandom(MIB)).download()) for _ in range(2))
    old(older, GRACE + 2)
    old(newer, GRACE + 1)
    assert cache.prune() == []
    frees = iter([MIB, 1 << 40])
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=next(frees)))
    assert cache.prune() == [older.stem]


def test_downloads_that_nobody_goes_on_with_are_removed(cache: ImageCache) -> None:
    cache.top.mkdir()
    for name, age in (('new.part', 3600), ('old.part', 90_000), ('old.turned', 90_000)):
        (cache.top / name).write_bytes(b'x')
        old(cache.top / name, age)
    cache.prune()
    assert names(cache) == ['new.part']


def test_a_cache_that_was_never_used_has_nothing_to_forget(cache: ImageCache) -> None:
    assert cache.prune() == []


def test_disks_name_what_they_are_built_on_in_their_headers(tmp_path: pathlib.Path) -> None:
    disks = DiskStore(tmp_path / 'instances')
    server = ServerSpec(str(uuid.uuid4()), 'web', 1, 64, 1, swap_mib=1)
    disks.make(server)
    assert disks.bases() == set()
