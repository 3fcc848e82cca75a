"""libvirtd that dies, comes back, or hangs, while guests run and others ask."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import threading
import uuid

import pytest

from common.clock import monotonic, sleep
from common.errors import Transient
from compute.virt.base import CRASHED, NOSTATE, RUNNING, SHUTDOWN, ServerSpec
from compute.virt.libvirt import connection
from compute.virt.libvirt.driver import LibvirtDriver
from tests.host.virt.waits import until


@pytest.fixture
def impatient(monkeypatch):
    """Shorter waits, so that the test need not wait long."""
    for name, value in (('_KEEPALIVE', (1, 1)), ('_LOOK', 0.2), ('_OPEN', 1.0)):
        monkeypatch.setattr(connection, name, value)


@pytest.fixture
def told():
    return []


@pytest.fixture
def ours(impatient, host, folder, told):
    made = LibvirtDriver('host', folder / 'state', uri=host.libvirt_uri, virt_type='qemu')
    made.start(lambda server_id, state: told.append((server_id, state)))
    yield made
    made.stop()


@pytest.fixture
def server(ours, image):
    made = ServerSpec(str(uuid.uuid4()), 'outage', 1, 64, 0, image=image)
    ours.make_disk(made)
    patiently(lambda: ours.spawn(made))
    yield made
    patiently(lambda: ours.destroy(made.id))
    ours.delete_disk(made.id)


@pytest.fixture
def libvirtd(host, ours, server):
    """Its process id; it does not stay stopped when a test fails, nor when guests are to be removed."""
    pid = host.process('libvirtd')
    yield pid
    os.kill(pid, signal.SIGCONT)


def stop(pid):
    """Stop a process, all of it."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: all(_state(task) == 'T' for task in pathlib.Path(f'/proc/{pid}/task').iterdir()))


def _state(task):
    return (task / 'stat').read_text().rpartition(') ')[2][0]


def answers(driver):
    try:
        driver.list_servers()
    except Transient:
        return False
    return True


def patiently(ask, seconds=120.0):
    """What is answered once libvirtd is not taken for hanging, which one that only has much to do may be for so little patience."""
    end = monotonic() + seconds
    while True:
        try:
            return ask()
        except Transient:
            assert monotonic() < end
            sleep(0.05)


def power_state(driver, server):
    return patiently(lambda: driver.power_state(server.id))


def test_guests_outlive_libvirtd_and_what_happened_meanwhile_is_told(ours, host, server, told):
    until(lambda: (server.id, RUNNING) in told)
    qemu = int((host.folder / f'private/run/libvirt/qemu/pl-{server.id}.pid').read_text())
    host.kill('libvirtd')
    with pytest.raises(Transient):
        ours.power_state(server.id)
    with pytest.raises(Transient):
        ours.spawn(server)
    os.kill(qemu, signal.SIGKILL)
    told.clear()
    host.start_libvirt()
    until(lambda: answers(ours))
    until(lambda: power_state(ours, server) in (SHUTDOWN, CRASHED))  # a new libvirtd looks for its guests while it answers already
    until(lambda: [state for server_id, state in told if server_id == server.id and state in (SHUTDOWN, CRASHED)])
    patiently(lambda: ours.power_on(server))
    assert power_state(ours, server) == RUNNING
    host.kill('libvirtd')
    host.start_libvirt()
    until(lambda: answers(ours))
    assert power_state(ours, server) == RUNNING
    patiently(
        lambda: ours.diagnostics(server.id)
    )  # this waits until libvirtd has its guest in hand again; one that is stopped before it calls crashed
    patiently(lambda: ours.power_off(server.id, 0))
    assert power_state(ours, server) == SHUTDOWN


def test_a_libvirtd_that_hangs_holds_nobody(ours, libvirtd, server, told):
    results = []
    go, asked = threading.Event(), threading.Barrier(5)

    def ask():
        patiently(lambda: ours.power_state(server.id))  # so that this thread has a connection
        asked.wait(180)
        go.wait()
        try:
            ours.diagnostics(server.id)
            results.append('answered')
        except Transient as error:
            results.append(error.admin_detail)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    asked.wait(180)
    stop(libvirtd)
    go.set()
    for asker in askers:
        asker.join(60)
    assert len(results) == 4
    assert all('restart it' in detail for detail in results)
    before = threading.active_count()
    for _ in range(20):
        assert not answers(ours)
    assert threading.active_count() <= before, 'asking in vain leaves no threads behind'
    os.kill(libvirtd, signal.SIGCONT)
    until(lambda: answers(ours))
    assert power_state(ours, server) == RUNNING
    told.clear()
    patiently(lambda: ours.power_off(server.id, 0))
    until(lambda: (server.id, SHUTDOWN) in told)


def sockets():
    """How many sockets this process has open."""
    count = 0
    for file in pathlib.Path('/proc/self/fd').iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(file.readlink()).startswith('socket:')
    return count


def test_threads_that_end_close_their_connections(ours, libvirtd, server):
    def ask_and_end(ready, go):
        patiently(lambda: ours.power_state(server.id))
        ready.wait(180)
        go.wait()

    before = sockets()
    for stopped in (False, True):
        ready, go = threading.Barrier(33), threading.Event()
        askers = [threading.Thread(target=ask_and_end, args=(ready, go)) for _ in range(32)]
        for asker in askers:
            asker.start()
        ready.wait(180)
        assert sockets() >= before + 32
        if stopped:
            stop(libvirtd)
        go.set()
        for asker in askers:
            asker.join(60)
            assert not asker.is_alive(), 'closing waits for libvirtd, but not in the thread that ends'
        if stopped:
            os.kill(libvirtd, signal.SIGCONT)
            until(lambda: answers(ours))
        until(lambda: sockets() <= before + 2)


def test_hanging_again_and_again_breaks_nothing(ours, libvirtd, server):
    for _ in range(3):
        stop(libvirtd)
        askers = [threading.Thread(target=answers, args=(ours,)) for _ in range(3)]
        for asker in askers:
            asker.start()
        until(lambda: not answers(ours))
        os.kill(libvirtd, signal.SIGCONT)
        for asker in askers:
            asker.join(60)
            assert not asker.is_alive()
        until(lambda: answers(ours))
    patiently(lambda: ours.destroy(server.id))
    assert power_state(ours, server) == NOSTATE
