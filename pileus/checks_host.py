"""What `pileus doctor` looks at on this machine."""

from __future__ import annotations

import os
import pathlib
import stat
import time
from collections.abc import Iterator

from common.config import ConfigError, ServiceOptions
from common.privileged.commands import find
from pileus.doctor import PROBLEM, WARNING, Check, Finding, Site, Skip

_ENOUGH_BYTES = 2 << 30
_ENOUGH_FILES = 10_000
_EARLIEST = 1_735_689_600  # 2025-01-01: a clock before this was never set
_GUEST_COMMANDS = {'qemu-img': 'qemu-utils', 'genisoimage': 'genisoimage'}
_SECRETS = ('run/admin-password', 'run/demo-password', 'run/service-password', 'openrc', 'clouds.yaml', 'pileus.conf')


def configuration(site: Site) -> Iterator[Finding]:
    """Options that nobody knows, values that cannot be."""
    from common.runtime import Runtime

    try:
        Runtime.check(site.settings)
    except ConfigError as error:
        yield Finding(error.message, f'Correct it: editor {site.state}/local.conf; all options: pileus config sample')


def names(site: Site) -> Iterator[Finding]:
    """Our packages have common names; somebody else's may stand in their place."""
    from common.runtime import check_names

    try:
        check_names()
    except ConfigError as error:
        yield Finding(error.message, 'Make an environment of its own: python3 -m venv /opt/pileus && /opt/pileus/bin/pip install pileus')


def secrets(site: Site) -> Iterator[Finding]:
    """Files with passwords that others can read."""
    for name in _SECRETS:
        path = site.state / name
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding(f'{path} can be read by other users of this machine.', f'chmod 600 {path}')


def disk(site: Site) -> Iterator[Finding]:
    """Room for databases, images and logs."""
    found = os.statvfs(site.state)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free < _ENOUGH_BYTES:
        severity = WARNING if free > _ENOUGH_BYTES // 8 else PROBLEM
        remedy = f'See what takes the room: du -xh -d2 {site.state} | sort -h | tail'
        yield Finding(f'{site.state} has {free >> 20} MiB left of {total >> 20}.', remedy, severity)
    if found.f_files and found.f_favail < _ENOUGH_FILES:
        yield Finding(
            f'The file system of {site.state} has room for {found.f_favail} more files.',
            f'Delete what is not needed: du --inodes -x -d2 {site.state} | sort -n | tail',
        )


def clock(site: Site) -> Iterator[Finding]:
    """A clock that was never set makes tokens invalid."""
    if time.time() < _EARLIEST:
        yield Finding(
            f'The clock of this machine says {time.ctime(time.time())}.',
            "Set it: date -s 'YYYY-MM-DD HH:MM:SS', or start a time service: apt-get install chrony",
        )


def memory(site: Site) -> Iterator[Finding]:
    """Memory for guests."""
    values = {line.split(':')[0]: int(line.split()[1]) for line in pathlib.Path('/proc/meminfo').read_text().splitlines() if ':' in line}
    if values.get('MemAvailable', 1 << 30) < 256 * 1024:
        yield Finding(f'{values["MemAvailable"] >> 10} MiB of memory are free.', 'See what takes it: ps aux --sort=-rss | head', WARNING)


def _need_hypervisor(site: Site) -> None:
    if site.option('compute.conf', 'ComputeOptions').driver == 'simulated':
        raise Skip('hosts are simulated')


def commands(site: Site) -> Iterator[Finding]:
    """Programs that the hypervisor driver calls."""
    _need_hypervisor(site)
    for command, package in _GUEST_COMMANDS.items():
        if find(command) is None:
            yield Finding(f'The command {command} is not installed.', f'apt-get install {package}')


def network_host(site: Site) -> Iterator[Finding]:
    """What the network agent needs of this host."""
    if site.option('network.conf', 'NetworkOptions').driver == 'simulated':
        raise Skip('networks are simulated')
    from network.apply.requirements import check

    for text in check():
        what, _, remedy = text.partition(' Type: ')
        yield Finding(what, remedy or 'See docs/installing.md')


def hypervisor(site: Site) -> Iterator[Finding]:
    """What keeps guests from starting; the driver knows best."""
    _need_hypervisor(site)
    from compute.worker import make_drivers

    for driver in make_drivers(site.option('compute.conf', 'ComputeOptions'), site.runtime.host, site.state).values():
        for problem in driver.check():
            yield Finding(problem.what, problem.remedy)


def volumes(site: Site) -> Iterator[Finding]:
    """What keeps volumes from being made and exported."""
    from volume.service import directory_of
    from volume.worker import load_pool, load_target

    options = site.option('volume.conf', 'VolumeOptions')
    for part in (load_pool(options, directory_of(options, site.settings.get(ServiceOptions).state_dir)), load_target(options)):
        for problem in part.check():
            yield Finding(problem.what, problem.remedy)


CHECKS: dict[str, Check] = {
    'configuration': configuration,
    'package names': names,
    'secrets': secrets,
    'disk space': disk,
    'clock': clock,
    'memory': memory,
    'commands': commands,
    'network host': network_host,
    'hypervisor': hypervisor,
    'volume storage': volumes,
}
