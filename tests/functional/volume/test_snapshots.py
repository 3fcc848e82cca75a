"""Snapshots of volumes, and volumes that begin with an image, a snapshot or another volume."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.errors import InvalidInput, Refused
from tests.functional.cloud import TestCloud, eventually
from tests.functional.volume.conftest import Volumes
from volume.drivers.base import ImageData
from volume.drivers.file import FilePool

GIB = 1 << 30


def nothing() -> None:
    """A check that lets go on."""


@pytest.fixture
def keep(volumes: Volumes) -> Iterator[Callable[..., dict[str, Any]]]:
    """Makes snapshots, which are gone after the test."""
    made: list[str] = []

    def make(volume: str, **values: Any) -> dict[str, Any]:
        status, answer = volumes.ask('POST', '/snapshots', {'snapshot': {'volume_id': volume, **values}})
        assert status == 202, answer
        made.append(answer['snapshot']['id'])
        assert answer['snapshot']['status'] == 'creating'
        return reach(volumes, made[-1], 'available')

    yield make
    for snapshot in made:
        volumes.ask('DELETE', f'/snapshots/{snapshot}')
    eventually(lambda: all(volumes.ask('GET', f'/snapshots/{one}')[0] == 404 for one in made), what='deletion of snapshots')


def reach(volumes: Volumes, snapshot: str, status: str) -> dict[str, Any]:
    def found() -> Any:
        one = volumes.ask('GET', f'/snapshots/{snapshot}')[1]['snapshot']
        return one['status'] == status and one

    return dict(eventually(found, what=f'snapshot {snapshot} {status}'))


def test_a_snapshot_from_birth_to_death(volumes: Volumes, keep: Callable[..., dict[str, Any]]) -> None:
    volume = volumes.create()['id']
    made = keep(volume, name='first', metadata={'a': 'b'})
    assert (made['volume_id'], made['size'], made['metadata']) == (volume, 1, {'a': 'b'})
    assert made['os-extended-snapshot-attributes:progress'] == '100%'
    assert volumes.ask('PUT', f'/snapshots/{made["id"]}', {'snapshot': {'name': 'second'}})[1]['snapshot']['name'] == 'second'
    assert volumes.ask('POST', f'/snapshots/{made["id"]}/metadata', {'metadata': {'c': 'd'}})[1]['metadata'] == {'a': 'b', 'c': 'd'}
    assert volumes.ask('DELETE', f'/snapshots/{made["id"]}/metadata/a')[0] == 200
    assert volumes.ask('GET', f'/snapshots/{made["id"]}/metadata')[1]['metadata'] == {'c': 'd'}
    listed = volumes.ask('GET', f'/snapshots/detail?volume_id={volume}')[1]['snapshots']
    assert [one['id'] for one in listed] == [made['id']]
    assert volumes.ask('DELETE', f'/snapshots/{made["id"]}')[0] == 202
    eventually(lambda: volumes.ask('GET', f'/snapshots/{made["id"]}')[0] == 404, what='deletion')


def test_a_volume_with_snapshots_stays_unless_they_go_too(volumes: Volumes, keep: Callable[..., dict[str, Any]]) -> None:
    volume = volumes.create()['id']
    snapshot = keep(volume)['id']
    status, answer = volumes.ask('DELETE', f'/volumes/{volume}')
    assert status == 400 and '1 dependent snapshots' in json.dumps(answer)
    assert volumes.ask('DELETE', f'/volumes/{volume}?cascade=true')[0] == 202
    eventually(lambda: volumes.gone(volume) and volumes.ask('GET', f'/snapshots/{snapshot}')[0] == 404, what='both are gone')


def test_volumes_of_a_snapshot_and_of_a_volume(volumes: Volumes, keep: Callable[..., dict[str, Any]]) -> None:
    volume = volumes.create()['id']
    snapshot = keep(volume)['id']
    second = volumes.create(snapshot_id=snapshot, size=2)
    assert (second['size'], second['snapshot_id']) == (2, snapshot)
    third = volumes.create(source_volid=volume, size=None)
    assert (third['size'], third['source_volid']) == (1, volume)
    bigger = volumes.create(size=2)['id']
    assert volumes.ask('POST', '/volumes', {'volume': {'source_volid': bigger, 'size': 1}})[0] == 400


def test_a_volume_of_an_image(cloud: TestCloud, volumes: Volumes) -> None:
    client = volumes.client
    body = {'name': 'for a volume', 'disk_format': 'raw', 'container_format': 'bare', 'min_disk': 2, 'colour': 'red'}
    image = client.ask('POST', 'image', '/v2/images', body)['id']
    assert volumes.ask('POST', '/volumes', {'volume': {'imageRef': image, 'size': 2}})[0] == 400  # it has no data yet
    client.ask('PUT', 'image', f'/v2/images/{image}/file', os.urandom(4096), headers={'Content-Type': 'application/octet-stream'})
    status, answer = volumes.ask('POST', '/volumes', {'volume': {'imageRef': image, 'size': 1}})
    assert status == 400 and 'smaller than the 2 GB' in json.dumps(answer)
    made = volumes.create(imageRef=image, size=2)
    assert made['bootable'] == 'true'
    assert made['volume_image_metadata']['image_id'] == image and made['volume_image_metadata']['colour'] == 'red'
    client.ask('DELETE', 'image', f'/v2/images/{image}')


def test_a_snapshot_counts_against_the_quota(volumes: Volumes) -> None:
    volume = volumes.create()['id']
    limits = f'/os-quota-sets/{volumes.client.project_id}'
    assert volumes.ask('PUT', limits, {'quota_set': {'snapshots': 0}})[0] == 200
    try:
        status, answer = volumes.ask('POST', '/snapshots', {'snapshot': {'volume_id': volume}})
        assert status == 413 and 'snapshots' in json.dumps(answer)
    finally:
        volumes.ask('DELETE', limits)


# -- the pool of files


@pytest.fixture
def pool(tmp_path: pathlib.Path) -> FilePool:
    return FilePool(tmp_path / 'volumes')


def image(path: pathlib.Path, disk_format: str, **rest: Any) -> ImageData:
    data = path.read_bytes()
    return ImageData('an-image', disk_format, rest.get('size', len(data)), None, lambda: iter([data[:1000], data[1000:]]))


def test_files_are_copied_with_their_holes(pool: FilePool) -> None:
    pool.create('one', 1)
    file = pathlib.Path(pool.path('one'))
    with file.open('r+b') as opened:
        opened.seek(700 << 20)
        opened.write(b'somewhere')
    for _ in range(2):
        pool.snapshot('one', 'kept', False, nothing)
    with file.open('r+b') as opened:
        opened.seek(700 << 20)
        opened.write(b'elsewhere')
    pool.copy('two', 2, snapshot_id='kept', source_id=None, in_use=False, check=nothing)
    copy = pathlib.Path(pool.path('two'))
    with copy.open('rb') as opened:
        opened.seek(700 << 20)
        assert opened.read(9) == b'somewhere'
    assert copy.stat().st_size == 2 * GIB and copy.stat().st_blocks * 512 < 8 << 20
    assert pool.snapshots() == ['kept'] and sorted(pool.inventory()) == ['one', 'two']
    for _ in range(2):
        pool.delete_snapshot('kept')
    pool.delete('one')
    pool.delete('two')
    assert list(pool.directory.iterdir()) == []


def test_a_volume_in_use_is_copied_as_of_one_moment_or_not_at_all(pool: FilePool, tmp_path: pathlib.Path) -> None:
    pool.create('one', 1)
    # Whether the file system of the folder can copy a file as of one moment.
    shares = subprocess.run(['cp', '--reflink=always', pool.path('one'), str(tmp_path / 'copy')], check=False, capture_output=True)
    if shares.returncode == 0:
        pool.snapshot('one', 'kept', True, nothing)
        assert pool.snapshots() == ['kept']
    else:
        with pytest.raises(Refused, match='in use'):
            pool.snapshot('one', 'kept', True, nothing)
        assert pool.snapshots() == []


def test_an_image_is_unfolded_into_the_file(pool: FilePool, tmp_path: pathlib.Path) -> None:
    raw, folded = tmp_path / 'raw', tmp_path / 'folded'
    raw.write_bytes(os.urandom(1 << 20) + bytes(1 << 20))
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', str(raw), str(folded)], check=True, timeout=60)
    for number, (path, disk_format) in enumerate(((raw, 'raw'), (folded, 'qcow2'))):
        for _ in range(2):
            pool.fill(f'v{number}', 1, image(path, disk_format), nothing)
        made = pathlib.Path(pool.path(f'v{number}'))
        assert made.stat().st_size == GIB
        with made.open('rb') as opened:
            assert opened.read(2 << 20) == raw.read_bytes()
    with pytest.raises(InvalidInput):
        pool.fill('lie', 1, image(raw, 'qcow2'), nothing)
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', str(tmp_path / 'large'), '2G'], check=True, timeout=60)
    with pytest.raises(Refused, match='2 GiB'):
        pool.fill('large', 1, image(tmp_path / 'large', 'qcow2'), nothing)
    assert sorted(pool.inventory()) == ['v0', 'v1'] and len(list(pool.directory.iterdir())) == 2
