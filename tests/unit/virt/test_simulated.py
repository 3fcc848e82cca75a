"""The simulated hypervisor, in memory and in files, seen as an operation sees it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import uuid

import pytest

from common.errors import Conflict, InvalidInput, NotFound, PileusError, Refused, Transient
from compute.virt import base
from compute.virt.base import ImageSpec, InterfaceSpec, ServerSpec, VolumeSpec
from compute.virt.simulated import FaultTable, SimulatedDriver

TOP = pathlib.Path(__file__).parents[3]


@pytest.fixture(params=['memory', 'files'])
def driver(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> SimulatedDriver:
    return SimulatedDriver('h1', state=None if request.param == 'memory' else tmp_path / 'h1')


def spec(**changes: object) -> ServerSpec:
    values = {'id': str(uuid.uuid4()), 'name': 'web', 'vcpus': 2, 'memory_mib': 512, 'disk_gib': 1, 'image': ImageSpec('i', 'raw', None)}
    return ServerSpec(**{**values, **changes})  # type: ignore[arg-type]


def booted(driver: SimulatedDriver, **changes: object) -> ServerSpec:
    server = spec(**changes)
    driver.make_disk(server)
    driver.spawn(server)
    return server


def test_a_server_lives_and_leaves_nothing(driver: SimulatedDriver) -> None:
    before = driver.contents()
    server = spec()
    for _ in range(2):
        driver.make_disk(server)
        driver.make_config_drive(server, {'openstack/latest/meta_data.json': b'{}'})
        driver.spawn(server)
    assert driver.power_state(server.id) == base.RUNNING
    assert driver.list_servers() == {server.id: base.RUNNING}
    assert driver.list_disks() == {server.id}
    assert driver.console_log(server.id, None).endswith('web login: ')
    assert driver.diagnostics(server.id)['vcpus'] == 2
    for _ in range(2):
        driver.destroy(server.id)
        driver.delete_disk(server.id)
    assert driver.power_state(server.id) == base.NOSTATE
    assert driver.contents() == before


def test_what_was_done_is_not_done_again(driver: SimulatedDriver) -> None:
    server = booted(driver)
    log = driver.console_log(server.id, None)
    driver.spawn(server)
    driver.power_on(server)
    assert driver.console_log(server.id, None) == log


def test_off_and_on(driver: SimulatedDriver) -> None:
    server = booted(driver)
    driver.power_off(server.id, 5)
    driver.power_off(server.id, 5)
    assert driver.power_state(server.id) == base.SHUTDOWN
    with pytest.raises(NotFound):
        driver.diagnostics(server.id)
    driver.power_on(server)
    assert driver.power_state(server.id) == base.RUNNING
    assert driver.console_log(server.id, None).count('web login:') == 2
    driver.power_off(str(uuid.uuid4()), 5)


@pytest.mark.parametrize('hard', [True, False])
def test_reboot_from_every_state(driver: SimulatedDriver, hard: bool) -> None:
    server = booted(driver)
    driver.reboot(server, hard, 5)
    for leave in (lambda: driver.power_off(server.id, 0), lambda: driver.pause(server.id), lambda: driver.suspend(server.id)):
        leave()
        driver.reboot(server, hard, 5)
        assert driver.power_state(server.id) == base.RUNNING


def test_pause_and_suspend(driver: SimulatedDriver) -> None:
    server = booted(driver)
    driver.pause(server.id)
    driver.pause(server.id)
    assert driver.power_state(server.id) == base.PAUSED
    driver.unpause(server.id)
    driver.unpause(server.id)
    log = driver.console_log(server.id, None)
    driver.suspend(server.id)
    driver.suspend(server.id)
    assert driver.power_state(server.id) == base.SUSPENDED
    with pytest.raises(Conflict):
        driver.pause(server.id)
    driver.resume(server)
    assert driver.power_state(server.id) == base.RUNNING
    assert driver.console_log(server.id, None) == log, 'a resumed guest goes on; it does not boot'


def test_an_unknown_guest_is_not_found(driver: SimulatedDriver) -> None:
    missing = str(uuid.uuid4())
    calls = [
        lambda: driver.pause(missing), lambda: driver.unpause(missing), lambda: driver.suspend(missing), lambda: driver.console_log(missing, 5),
        lambda: driver.diagnostics(missing), lambda: driver.attach_volume(missing, VolumeSpec('v', 'a')),
        lambda: driver.attach_interface(missing, InterfaceSpec('p', 'fa:16:3e:00:00:01')),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound):
            call()
    driver.detach_volume(missing, 'v', 1)
    driver.detach_interface(missing, 'p', 1)


def test_a_guest_needs_something_to_start_from(driver: SimulatedDriver) -> None:
    with pytest.raises(Refused):
        driver.spawn(spec())
    driver.spawn(spec(volumes=(VolumeSpec('v', 'a', '/dev/vda'),)))


def test_devices_are_never_given_twice(driver: SimulatedDriver) -> None:
    server = booted(driver)
    first, second = (driver.attach_volume(server.id, VolumeSpec(name, 'a')) for name in ('one', 'two'))
    assert (first, second) == ('/dev/vdb', '/dev/vdc')
    driver.detach_volume(server.id, 'one', 5)
    driver.detach_volume(server.id, 'one', 5)
    assert driver.attach_volume(server.id, VolumeSpec('three', 'a')) == '/dev/vdb'
    assert driver.attach_volume(server.id, VolumeSpec('two', 'a')) == '/dev/vdc', 'the same volume again is where it is'
    assert driver.attach_volume(server.id, VolumeSpec('four', 'a', '/dev/vdc')) == '/dev/vdd', 'a taken name is not given'
    assert driver.attach_volume(server.id, VolumeSpec('five', 'a', '/dev/vdk')) == '/dev/vdk'


def test_a_definition_made_anew_keeps_the_devices(driver: SimulatedDriver) -> None:
    server = booted(driver)
    volume = VolumeSpec('one', 'a', '/dev/vdf')
    driver.attach_volume(server.id, volume)
    driver.reboot(ServerSpec(**{**_fields(server), 'volumes': (VolumeSpec('one', 'a'),)}), True, 5)
    assert driver.attach_volume(server.id, volume) == '/dev/vdf'


def _fields(server: ServerSpec) -> dict[str, object]:
    return {name: getattr(server, name) for name in ServerSpec.__dataclass_fields__}


def test_interfaces_come_and_go(driver: SimulatedDriver) -> None:
    server = booted(driver, interfaces=(InterfaceSpec('p1', 'fa:16:3e:00:00:01'),))
    card = InterfaceSpec('p2', 'fa:16:3e:00:00:02')
    driver.attach_interface(server.id, card)
    driver.attach_interface(server.id, card)
    assert driver.diagnostics(server.id)['nics'] == 2
    driver.detach_interface(server.id, 'p1', 5)
    driver.detach_interface(server.id, 'p1', 5)
    assert driver.diagnostics(server.id)['nics'] == 1


def test_console_lines(driver: SimulatedDriver) -> None:
    server = booted(driver)
    assert driver.console_log(server.id, 1) == 'web login: '
    assert driver.console_log(server.id, 0) == ''
    assert len(driver.console_log(server.id, 10_000).splitlines()) == 4


def test_a_long_console_log_keeps_its_end(driver: SimulatedDriver) -> None:
    server = booted(driver)
    for _ in range(1200):
        driver.reboot(server, False, 0)
    log = driver.console_log(server.id, None)
    assert len(log) <= 100 * 1024
    assert log.endswith('login: ')


def test_a_guest_that_goes_off_by_itself_is_announced(driver: SimulatedDriver) -> None:
    heard: list[tuple[str, int]] = []
    driver.start(lambda server_id, state: heard.append((server_id, state)))
    server = booted(driver)
    driver.crash_guest(server.id)
    assert heard == [(server.id, base.SHUTDOWN)]
    driver.stop()
    driver.crash_guest(server.id)
    assert len(heard) == 1


# -- files


def test_guests_outlive_a_killed_process(tmp_path: pathlib.Path) -> None:
    program = (
        'import pathlib, sys; from compute.virt.base import *; from compute.virt.simulated import *\n'
        "faults = FaultTable([{'op': 'attach_volume', 'do': 'die', 'late': True}])\n"
        "driver = SimulatedDriver('h1', state=pathlib.Path(sys.argv[1]), faults=faults)\n"
        "server = ServerSpec('s1', 'web', 1, 64, 1); driver.make_disk(server); driver.spawn(server)\n"
        "driver.attach_volume('s1', VolumeSpec('v1', 'a'))\n"
    )
    died = subprocess.run([sys.executable, '-c', program, str(tmp_path)], cwd=TOP, env={**os.environ, 'PYTHONPATH': str(TOP)}, check=False)
    assert died.returncode == -9
    again = SimulatedDriver('h1', state=tmp_path)
    assert again.list_servers() == {'s1': base.RUNNING}
    assert again.list_disks() == {'s1'}
    assert again.attach_volume('s1', VolumeSpec('v1', 'a')) == '/dev/vdb', 'the effect was there although the answer was lost'


def test_thousands_of_hosts_are_cheap(tmp_path: pathlib.Path) -> None:
    open_files = len(list(pathlib.Path('/proc/self/fd').iterdir()))
    hosts = [SimulatedDriver(f'h{number}', state=tmp_path / f'h{number}') for number in range(3000)]
    assert len(list(pathlib.Path('/proc/self/fd').iterdir())) <= open_files
    booted(hosts[0])
    assert sum(len(host.list_servers()) for host in hosts) == 1


# -- faults


@pytest.mark.parametrize(('word', 'error'), [('transient', Transient), ('refuse', Refused), ('break', PileusError)])
def test_a_fault_hits_once_and_before_the_effect(word: str, error: type[Exception]) -> None:
    driver = SimulatedDriver('h1', faults=FaultTable([{'op': 'spawn', 'do': word}]))
    server = spec()
    driver.make_disk(server)
    with pytest.raises(error):
        driver.spawn(server)
    assert driver.list_servers() == {}
    driver.spawn(server)
    assert driver.power_state(server.id) == base.RUNNING


def test_a_late_fault_loses_only_the_answer() -> None:
    driver = SimulatedDriver('h1', faults=FaultTable([{'op': 'spawn', 'do': 'transient', 'late': True}]))
    server = spec()
    driver.make_disk(server)
    with pytest.raises(Transient):
        driver.spawn(server)
    assert driver.power_state(server.id) == base.RUNNING
    driver.spawn(server)


def test_faults_choose_host_count_and_call() -> None:
    table = FaultTable(
        [{'op': 'make_disk', 'do': 'transient', 'host': 'h2', 'after': 1, 'times': 2}, {'op': '*', 'do': 'refuse', 'host': 'h3'}]
    )
    first, second, third = (SimulatedDriver(name, faults=table) for name in ('h1', 'h2', 'h3'))

    def outcome(driver: SimulatedDriver) -> str:
        try:
            driver.make_disk(spec())
        except (Transient, Refused) as error:
            return type(error).__name__
        return 'fine'

    assert [outcome(first) for _ in range(3)] == ['fine'] * 3
    assert [outcome(second) for _ in range(4)] == ['fine', 'Transient', 'Transient', 'fine']
    assert [outcome(third) for _ in range(2)] == ['Refused', 'fine']


def test_probabilities_are_repeatable_with_a_seed() -> None:
    def hits(seed: int) -> list[bool]:
        driver = SimulatedDriver('h1', faults=FaultTable([{'op': 'delete_disk', 'do': 'transient', 'times': 10**6, 'p': 0.3}], seed=seed))
        found = []
        for _ in range(300):
            try:
                driver.delete_disk('s')
                found.append(False)
            except Transient:
                found.append(True)
        return found

    assert hits(1) == hits(1)
    assert 50 < sum(hits(1)) < 130


def test_waiting_and_latency_use_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr('common.clock.sleep', slept.append)
    driver = SimulatedDriver('h1', faults=FaultTable([{'op': 'spawn', 'do': 'wait 2.5'}]), latency={'make_disk': 0.5})
    booted(driver)
    assert len(slept) == 2
    assert slept[1] == 2.5


@pytest.mark.parametrize(
    'entry',
    [{}, {'op': 'spawn'}, {'op': 'spawn', 'do': 'explode'}, {'op': 'spawn', 'do': 'wait'}, {'op': 'spawn', 'do': 'die', 'hots': 'h1'}],
)
def test_a_fault_that_makes_no_sense_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        FaultTable([entry])
