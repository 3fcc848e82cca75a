"""What the host has, and what keeps it from being used."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd
import shutil
import stat
from typing import Any
from xml.etree import ElementTree as ET

from common.errors import PileusError
from compute.virt.base import Inventory, Problem
from compute.virt.libvirt.connection import Hypervisor

_COMMANDS = {'qemu-img': 'qemu-utils', 'genisoimage': 'genisoimage', 'qemu-system-x86_64': 'qemu-system-x86'}
_ISCSI = ('/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so', '/usr/lib64/qemu-kvm/block-iscsi.so', '/usr/lib/qemu/block-iscsi.so')
_DOING = 'tell what the host has'
_USERS = ('libvirt-qemu', 'qemu')


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """The parts of the inventory that take long to find out; these values stand for "not yet known"."""

    version: int = 0
    processor: dict[str, Any] = dataclasses.field(default_factory=lambda: {'arch': os.uname().machine})


def inventory(hypervisor: Hypervisor, folder: pathlib.Path, about: About) -> Inventory:
    """The host's processors, memory, and the disk that holds `folder`."""
    facts = hypervisor.call(hypervisor.connection().getInfo, doing=_DOING)
    room = shutil.disk_usage(folder)
    return Inventory(
        vcpus=int(facts[2]),
        memory_mib=int(facts[1]),
        disk_gib=room.total >> 30,
        hypervisor_type='QEMU',
        hypervisor_version=about.version,
        cpu_info=about.processor,
        free_disk_gib=round(room.free / 2**30, 1),
    )


def ask(hypervisor: Hypervisor) -> About:
    """What libvirtd knows of QEMU and the processor. The first time on a host it asks QEMU, which takes some ten seconds."""
    connection = hypervisor.connection()
    version = hypervisor.call(connection.getVersion, doing=_DOING)
    return About(int(version), _processor(hypervisor.call(connection.getCapabilities, doing=_DOING)))


def _processor(capabilities: str) -> dict[str, Any]:
    cpu = ET.fromstring(capabilities).find('./host/cpu')
    if cpu is None:
        return {'arch': os.uname().machine}
    topology = cpu.find('topology')
    return {
        'arch': cpu.findtext('arch') or os.uname().machine,
        'model': cpu.findtext('model'),
        'vendor': cpu.findtext('vendor'),
        'topology': {name: int(topology.get(name, '1')) for name in ('sockets', 'cores', 'threads')} if topology is not None else {},
        'features': sorted(str(feature.get('name')) for feature in cpu.findall('feature')),
    }


def problems(hypervisor: Hypervisor, folders: list[pathlib.Path]) -> list[Problem]:
    """What keeps guests from starting here; each with what to type."""
    found = []
    try:
        hypervisor.connection()
    except PileusError as error:
        found.append(
            Problem(
                error.admin_detail or error.message, 'Start it: "systemctl start libvirtd", or "virtlogd -d; libvirtd -d" without systemd.'
            )
        )
    for command, package in _COMMANDS.items():
        if shutil.which(command, path='/usr/sbin:/usr/bin:/sbin:/bin') is None:
            found.append(Problem(f'{command} is not installed.', f'apt-get install {package}'))
    if not any(pathlib.Path(path).exists() for path in _ISCSI):
        found.append(Problem('QEMU has no iSCSI initiator; volumes cannot be attached.', 'apt-get install qemu-block-extra'))
    return found + [problem for folder in folders for problem in _unreachable(folder)]


def _unreachable(folder: pathlib.Path) -> list[Problem]:
    """Folders above the disks that QEMU's user may not pass."""
    user = next((entry for entry in pwd.getpwall() if entry.pw_name in _USERS), None)
    if user is None or os.geteuid() != 0:
        return []
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    for place in (folder, *folder.parents):
        if not place.exists():
            continue
        status = place.stat()
        bit = stat.S_IXUSR if status.st_uid == user.pw_uid else stat.S_IXGRP if status.st_gid in groups else stat.S_IXOTH
        if not status.st_mode & bit:
            return [Problem(f'{user.pw_name}, the user of QEMU, may not pass {place}.', f'chmod o+x {place}, or keep the state elsewhere')]
    return []
