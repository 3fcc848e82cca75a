"""Hosts on one machine do not see each other's daemons, reach each other by network, and leave nothing."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from common.clock import monotonic, sleep
from tools.testbed import commands
from tools.testbed.bed import OUTSIDE, WORLD, Bed
from tools.testbed.commands import run, started_at

TOP = pathlib.Path(__file__).parents[3]
GUEST = (
    "<domain type='qemu'><name>only-here</name><memory unit='MiB'>16</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os></domain>"
)


def inventory(bed: Bed) -> dict[str, list[str]]:
    """What a testbed of this name has on the machine."""
    folder = str(bed.folder)
    cmdlines = []
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        try:
            cmdlines.append(path.read_text().replace('\0', ' '))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return {
        'namespaces': [line for line in run('ip', 'netns', 'list').splitlines() if bed.prefix in line],
        'mounts': [line for line in pathlib.Path('/proc/self/mountinfo').read_text().splitlines() if folder in line or bed.prefix in line],
        'processes': [line for line in cmdlines if folder in line],
        'links': [line for line in run('ip', '-o', 'link').splitlines() if '.0@' in line or '.1@' in line],
        'files': [str(path) for path in bed.folder.glob('*')],
    }


def test_hosts_are_apart_but_for_the_network(bed: Bed) -> None:
    bed.up(2)
    first, second = bed.host('h1'), bed.host('h2')
    assert first.run('hostname').strip() == first.name
    assert 'DOWN' not in first.run('ip', '-br', 'link')
    for host in (first, second):
        assert 'only-here' not in host.run('virsh', '-q', 'list', '--all')
    definition = bed.folder / 'guest.xml'
    definition.write_text(GUEST)
    first.run('virsh', '-q', 'define', str(definition))
    assert 'only-here' in first.run('virsh', '-q', 'list', '--all')
    assert 'only-here' not in second.run('virsh', '-q', 'list', '--all')
    for name in (second.name, WORLD, OUTSIDE):
        first.run('ping', '-c', '1', '-W', '2', name)
    bed.host('controller').run('ping', '-c', '1', '-W', '2', bed.address('h2'))
    first.run('ip', 'netns', 'add', 'private')
    assert 'private' not in second.run('ip', 'netns', 'list')
    assert 'private' not in run('ip', 'netns', 'list')


def test_up_again_keeps_what_is_there_and_adds_what_is_not(bed: Bed) -> None:
    bed.up(1)
    first = bed.host('h1')
    born = first.run('readlink', '/proc/self/ns/net')
    first.run('sh', '-c', 'echo kept > /run/mark')
    bed.up(2)
    assert first.run('readlink', '/proc/self/ns/net') == born
    assert first.run('cat', '/run/mark') == 'kept\n'
    first.run('ping', '-c', '1', '-W', '2', bed.host('h2').name)
    assert set(bed.hosts()) == {'controller', 'h1', 'h2'}


def test_a_killed_daemon_is_started_again_and_a_killed_host_made_anew(bed: Bed) -> None:
    bed.up(1)
    host = bed.host('h1')
    host.kill('libvirtd')
    assert not host.running('libvirtd')
    bed.up(1)
    host.run('virsh', '-q', 'list')
    host.kill('holder')
    bed.up(1)
    host.run('virsh', '-q', 'list')
    host.run('ping', '-c', '1', '-W', '2', WORLD)


def test_each_host_may_have_an_iscsi_target(bed: Bed) -> None:
    bed.up(2, libvirt=False)
    for name in ('h1', 'h2'):
        host = bed.host(name)
        host.start_tgt(7, f'{bed.address(name)}:3260')
        host.run('tgtadm', '-C', '7', '--lld', 'iscsi', '--mode', 'target', '--op', 'new', '--tid', '1', '-T', f'iqn.2026-11.test:{name}')
    shown = bed.host('h1').run('tgtadm', '-C', '7', '--lld', 'iscsi', '--mode', 'target', '--op', 'show')
    assert 'iqn.2026-11.test:h1' in shown
    assert 'iqn.2026-11.test:h2' not in shown


def test_down_leaves_nothing(bed: Bed) -> None:
    before = inventory(bed)
    bed.up(2)
    host = bed.host('h1')
    assert inventory(bed) != before
    # A daemon as a network agent has it: in a network namespace of its own inside the host.
    host.run('ip', 'netns', 'add', 'deep')
    words = host.inside('ip', 'netns', 'exec', 'deep', 'sleep', '600')
    deep = subprocess.Popen(words, start_new_session=True)
    end = monotonic() + 60
    while b'sleep' not in pathlib.Path(f'/proc/{deep.pid}/cmdline').read_bytes().split(b'\0')[0] and monotonic() < end:
        sleep(0.02)
    assert started_at(deep.pid) is not None
    bed.down()
    assert inventory(bed) == before
    assert started_at(deep.pid) is None
    bed.down()


def test_down_after_a_making_that_was_cut_short(bed: Bed) -> None:
    before = inventory(bed)
    words = [sys.executable, '-m', 'tools.testbed', '--folder', str(bed.folder), '--prefix', bed.prefix, 'up', '--hosts', '3']
    making = subprocess.Popen(words, cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = monotonic() + 60
    while 'h1' not in bed.hosts() and monotonic() < end:
        sleep(0.005)
    os.killpg(making.pid, signal.SIGKILL)
    making.wait()
    bed.down()
    assert inventory(bed) == before


def test_command_line(bed: Bed) -> None:
    def testbed(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, '-m', 'tools.testbed', '--folder', str(bed.folder), '--prefix', bed.prefix, *words]
        return subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, env={**os.environ, 'SHELL': '/bin/sh'})

    shown = testbed('up', '--hosts', '1', '--no-libvirt')
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[:3] for line in shown.stdout.splitlines()] == [['controller', '10.231.0.10', 'up'], ['h1', '10.231.0.11', 'up']]
    assert testbed('exec', 'h1', 'hostname').stdout.strip() == bed.host('h1').name
    assert testbed('exec', 'h1', 'sh', '-c', 'exit 7').returncode == 7
    wrong = testbed('exec', 'h9', 'true')
    assert wrong.returncode == 1
    assert 'Hosts: controller, h1' in wrong.stderr
    assert testbed('down').returncode == 0
    assert 'no testbed' in testbed('status').stdout


def test_too_many_hosts_are_refused(bed: Bed) -> None:
    with pytest.raises(commands.TestbedError):
        bed.up(201)
