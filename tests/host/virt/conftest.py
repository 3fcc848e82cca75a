"""A host with libvirtd, a guest image, and a network, for tests of the libvirt driver with real guests."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator

import pytest

from compute.virt.base import ImageSpec, InterfaceSpec, ServerSpec, VolumeSpec
from tests.driver_walk import download
from tests.host.virt.lan import Lan
from tools.testbed.host import Host

libvirt_driver = pytest.importorskip('compute.virt.libvirt.driver', reason='libvirt-python is not installed')
COMMANDS = ('libvirtd', 'virtlogd', 'qemu-system-x86_64', 'qemu-img', 'genisoimage', 'tgtd', 'dnsmasq', 'ssh-keygen', 'syslinux', 'mcopy')
TOP = pathlib.Path(__file__).parents[3]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [name for name in COMMANDS if not shutil.which(name)]
    reason = 'root' if os.geteuid() != 0 else ', '.join(lacking)
    for item in items:
        if 'host/virt' not in str(item.path):
            continue
        item.add_marker(pytest.mark.host)
        item.add_marker(pytest.mark.timeout(300))
        if reason:
            item.add_marker(pytest.mark.skip(reason=f'real guests need {reason}'))


@pytest.fixture(scope='session')
def image_file() -> pathlib.Path:
    """The guest image, built once for each state of packages and sources."""
    output = pathlib.Path(tempfile.gettempdir()) / f'pileus-guest-image-{os.getuid()}' / 'cirros-pileus.qcow2'
    output.parent.mkdir(exist_ok=True)
    with (output.parent / 'lock').open('w') as turn:  # the processes that share these tests share the image
        fcntl.flock(turn, fcntl.LOCK_EX)
        words = ['python3', '-m', 'tools.guest_image', '--output', str(output)]
        done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope='module')
def folder() -> Iterator[pathlib.Path]:
    """A folder that QEMU's user can pass."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='pileus-virt-'))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope='module')
def host(folder: pathlib.Path) -> Iterator[Host]:
    """A host with its own libvirtd."""
    made = Host(f'virt-{os.getpid()}', folder / 'host')
    try:
        made.up()
        made.start_libvirt()
        yield made
    finally:
        made.down()


@pytest.fixture(scope='module')
def lan(host: Host, folder: pathlib.Path) -> Iterator[Lan]:
    """The network of the host's guests."""
    (folder / 'lan').mkdir()
    made = Lan(host, folder / 'lan')
    yield made
    made.close()


@pytest.fixture(scope='module')
def driver(host: Host, folder: pathlib.Path) -> Iterator[libvirt_driver.LibvirtDriver]:
    """The driver under test. KVM has a test of its own; emulation works everywhere."""
    made = libvirt_driver.LibvirtDriver('host', folder / 'state', uri=host.libvirt_uri, virt_type='qemu')
    made.start(lambda server_id, state: None)
    yield made
    made.stop()


@pytest.fixture(scope='module')
def image(driver: libvirt_driver.LibvirtDriver, image_file: pathlib.Path) -> ImageSpec:
    """The guest image in the host's cache."""
    image_id = str(uuid.uuid4())
    path = driver.cache_image(download(image_id, 'qcow2', image_file.read_bytes()))
    return ImageSpec(image_id, 'qcow2', path)


@pytest.fixture(scope='module')
def key(folder: pathlib.Path) -> pathlib.Path:
    """A private ssh key."""
    path = folder / 'key'
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', str(path)], check=True)
    return path


MakeServer = Callable[..., ServerSpec]


@pytest.fixture
def make_server(driver: libvirt_driver.LibvirtDriver, image: ImageSpec, key: pathlib.Path) -> Iterator[MakeServer]:
    """Makes the disks of a server: `make_server(cards, user_data=...)`; all is removed at the end."""
    made: list[str] = []

    def make(
        cards: tuple[InterfaceSpec, ...] = (),
        user_data: str = '',
        volumes: tuple[VolumeSpec, ...] = (),
        memory: int = 192,
        image: ImageSpec = image,
    ) -> ServerSpec:
        server = ServerSpec(
            str(uuid.uuid4()), f'web-{len(made)}', 1, memory, 1, image=image, interfaces=cards, volumes=volumes, config_drive=True
        )
        made.append(server.id)
        meta = {'uuid': server.id, 'hostname': f'{server.name}.example', 'public_keys': {'k': key.with_suffix('.pub').read_text()}}
        files = {'openstack/latest/meta_data.json': json.dumps(meta).encode()}
        if user_data:
            files['openstack/latest/user_data'] = user_data.encode()
        driver.make_disk(server)
        driver.make_config_drive(server, files)
        return server

    yield make
    for server_id in made:
        driver.destroy(server_id)
        driver.delete_disk(server_id)
