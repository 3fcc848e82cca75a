"""kill -9 in the middle of booting and deleting a real domain: what starts afterwards brings both to their good end."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from compute.db import servers as queries
from compute.virt.base import InterfaceSpec
from tools.testbed.host import Host

pytest.importorskip('libvirt', reason='libvirt-python is not installed')
COMMANDS = ('libvirtd', 'virtlogd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'genisoimage', 'ip', 'nsenter', 'unshare')
LACKING = 'root' if os.geteuid() != 0 else ', '.join(name for name in COMMANDS if not shutil.which(name))
pytestmark = [
    pytest.mark.host,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(LACKING), reason=f'real guests need {LACKING}'),
]
TOP = pathlib.Path(__file__).parents[3]
NOTHING = {'guests': 0, 'disks': 0, 'bound ports': 0, 'claimed': 0}
ONE = {'guests': 1, 'disks': 1, 'bound ports': 1, 'claimed': 512}

# (step and call of libvirt to die after, the domain as it is found then, and how many disks)
BOOTS = {
    'with the disk made': (('make_disk',), [], 1),
    'with the domain defined': (('spawn', 'define the guest'), ['shut off'], 1),
    'with the domain started': (('spawn', 'start the guest'), ['running'], 1),
}
DELETES = {
    'with the domain stopped': (('destroy', 'stop the guest'), ['shut off'], 1),
    'with the domain forgotten': (('destroy', 'forget the guest'), [], 1),
    'with the disk deleted': (('delete_disk',), [], 0),
}


@pytest.fixture(scope='module')
def folder() -> Iterator[pathlib.Path]:
    """A folder that QEMU's user can pass."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='pileus-kill-'))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope='module')
def host(folder: pathlib.Path) -> Iterator[Host]:
    """A host with its own libvirtd, which outlives the workers."""
    made = Host(f'kill-{os.getpid()}', folder / 'host')
    try:
        made.up()
        made.start_libvirt()
        yield made
    finally:
        made.down()


@pytest.fixture(scope='module')
def cloud(host: Host, folder: pathlib.Path) -> pathlib.Path:
    """The folder of a cloud with a port for its server, plugged in."""
    from tests.host.compute.libvirt_world import URI, LibvirtWorld

    made = folder / 'cloud'
    made.mkdir()
    made.chmod(0o755)
    (made / URI).write_text(host.libvirt_uri)
    world = LibvirtWorld(made)
    tap = InterfaceSpec(world.make_port(), '').tap
    world.close()
    host.run('ip', 'tuntap', 'add', tap, 'mode', 'tap')
    return made


def domains(host: Host) -> list[str]:
    """The states of all domains, as virsh tells them."""
    return [line.split(maxsplit=2)[2] for line in host.run('virsh', '-q', 'list', '--all').splitlines() if line.strip()]


def killed(cloud: pathlib.Path, act: str, where: tuple[str, ...]) -> None:
    """A process of the cloud starts to boot or delete and dies there."""
    words = [sys.executable, '-m', 'tests.host.compute.libvirt_world', str(cloud), act, *where]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == -signal.SIGKILL, f'it was to die in {where} and ended with {done.returncode}: {done.stderr[-2000:]}'


@pytest.mark.parametrize(('boot', 'delete'), list(zip(BOOTS, DELETES, strict=True)), ids=lambda name: name.replace(' ', '-'))
def test_a_killed_boot_ends_active_and_a_killed_delete_ends_gone(host: Host, cloud: pathlib.Path, boot: str, delete: str) -> None:
    from tests.host.compute.libvirt_world import LibvirtWorld

    for act, (where, found, disks) in (('boot', BOOTS[boot]), ('delete', DELETES[delete])):
        killed(cloud, act, where)
        assert domains(host) == found, 'libvirt had done what it was to be killed after, and nothing more'
        world = LibvirtWorld(cloud)
        try:
            server = world.the_server()
            operation = world.live(server)
            record, step = world.record(operation)
            assert (record.kind, record.state, step) == (f'server.{act}', 'running', where[0])
            assert len(world.driver.list_disks()) == disks
            ended = world.go_on(operation)
            assert ended.state == 'done', ended.fault
            with world.service.db.read() as session:
                row = queries.get(session, server, deleted=True)
                assert row is not None
                state = (row.vm_state, row.task_state, row.fault, row.deleted)
            assert state == (('active', None, None, False) if act == 'boot' else ('deleted', None, None, True))
            assert world.inventory() == (ONE if act == 'boot' else NOTHING)
        finally:
            world.close()
        assert domains(host) == (['running'] if act == 'boot' else [])
    left = [path for path in (cloud / 'virt' / 'instances').iterdir() if server in path.name]
    assert left == []


SNAPSHOTS = {
    'with the copy begun': ('copy_disk', 'copy the disk'),
    'with the copy made': ('copy_disk',),
    'with the image sent': ('upload',),
    'with the copy removed': ('remove_copy',),
}


def test_a_killed_snapshot_ends_with_a_whole_image(host: Host, cloud: pathlib.Path, tmp_path: pathlib.Path) -> None:
    from tests.host.compute.libvirt_world import LibvirtWorld

    world = LibvirtWorld(cloud)
    assert world.go_on(world.boot()).state == 'done'
    server = world.the_server()
    world.close()
    for number, (moment, where) in enumerate(SNAPSHOTS.items(), start=1):
        killed(cloud, 'snapshot', where)
        world = LibvirtWorld(cloud)
        try:
            operation = world.live(server)
            record, step = world.record(operation)
            assert (record.kind, record.state, step) == ('server.snapshot', 'running', where[0]), moment
            ended = world.go_on(operation)
            assert ended.state == 'done', (moment, ended.fault)
            with world.service.db.read() as session:
                row = queries.get(session, server)
                assert row is not None
                assert (row.vm_state, row.task_state, row.fault) == ('active', None, None), moment
            images = world.service.image.get('/v2/images?name=copy&sort=created_at:desc')['images']
            assert [image['status'] for image in images] == ['active'] * number, moment
            data = tmp_path / 'copy.qcow2'
            data.write_bytes(b''.join(world.service.image.stream(f'/v2/images/{images[0]["id"]}/file')))
            facts = json.loads(subprocess.run(['qemu-img', 'info', '--output=json', str(data)], capture_output=True, check=True).stdout)
            assert (facts['format'], facts['virtual-size'], 'backing-filename' in facts) == ('qcow2', 1 << 30, False), moment
            assert domains(host) == ['running'], f'{moment}: the guest ran on'
            assert [path.name for path in world.driver.disks.folder(server).iterdir() if 'snapshot' in path.name] == [], moment
        finally:
            world.close()
    world = LibvirtWorld(cloud)
    assert world.go_on(world.delete()).state == 'done'
    assert world.inventory() == NOTHING
    world.close()
