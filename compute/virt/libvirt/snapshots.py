"""Flat copies of root disks. QEMU itself copies the disk of a guest that runs, as it was when the copy began, while the guest writes on."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

import libvirt

from common.clock import sleep
from common.errors import NotFound, PileusError, Refused, Transient
from common.privileged import run
from compute.virt.base import Tell
from compute.virt.libvirt import states
from compute.virt.libvirt.connection import Hypervisor
from compute.virt.libvirt.disks import DiskStore, information
from compute.virt.libvirt.domain_xml import FileDisk

FORMAT = 'qcow2'
_RESERVE = 256 << 20  # bytes that a copy leaves free for the host
_LOOK = 0.2
_LONGEST = 4 * 3600.0
_NO_JOB = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)


class Snapshots:
    """Copies in the folders of their servers: `snapshot-<id>.qcow2`, and with `.part` behind it while it is made."""

    def __init__(self, hypervisor: Hypervisor, disks: DiskStore) -> None:
        self._hypervisor = hypervisor
        self._disks = disks

    def _path(self, server_id: str, snapshot_id: str) -> pathlib.Path:
        return self._disks.folder(server_id) / f'snapshot-{snapshot_id}.{FORMAT}'

    def make(self, server_id: str, snapshot_id: str, tell: Tell) -> int:
        """Copy the root disk; gives the bytes of the file. Raises Refused without a root disk or room, Transient when the guest goes off."""
        path = self._path(server_id, snapshot_id)
        if not path.exists():
            root = self._disks.root(server_id)
            if root is None:
                raise Refused('The server has no disk on this host.')
            self._check_room(root)
            part = path.with_name(path.name + '.part')
            self._stop(server_id)
            part.unlink(missing_ok=True)
            domain = self._hypervisor.domain(server_id)
            if domain is not None and self._is_alive(domain):
                self._copy_running(domain, root, part, tell)
            else:
                self._copy_still(root, part, tell)
            facts = information(part, FORMAT)
            if 'backing-filename' in facts:
                raise PileusError('The copy of the disk is not complete in itself.', admin_detail=str(part))
            part.chmod(0o600)
            part.rename(path)
        return path.stat().st_size

    def open(self, server_id: str, snapshot_id: str) -> BinaryIO:
        """The copy. Raises NotFound."""
        try:
            return self._path(server_id, snapshot_id).open('rb')
        except FileNotFoundError:
            raise NotFound('snapshot', snapshot_id) from None

    def delete(self, server_id: str, snapshot_id: str) -> None:
        """Remove it, and stop QEMU's work on it."""
        path = self._path(server_id, snapshot_id)
        part = path.with_name(path.name + '.part')
        if part.exists():
            self._stop(server_id)
        for file in (part, path):
            file.unlink(missing_ok=True)

    def _check_room(self, root: FileDisk) -> None:
        """A copy is at most as large as what the chain of the disk holds, and its tables."""
        done = run(['qemu-img', 'info', '-U', '-f', root.disk_format, '--backing-chain', '--output=json', str(root.path)], timeout=60)
        facts: list[dict[str, Any]] = json.loads(done.stdout)
        most = min(sum(int(one['actual-size']) for one in facts), int(facts[0]['virtual-size']))
        free = shutil.disk_usage(root.path.parent).free
        if free < most + _RESERVE:
            raise Refused(
                'The host has no room for a copy of the disk.', admin_detail=f'{most >> 20} MiB are needed, {free >> 20} MiB are free'
            )

    def _copy_still(self, root: FileDisk, part: pathlib.Path, tell: Tell) -> None:
        command = ['qemu-img', 'convert', '-f', root.disk_format, '-O', FORMAT, str(root.path), str(part)]
        run(command, timeout=_LONGEST, while_waiting=lambda: tell(part.stat().st_size if part.exists() else 0, 0))

    # -- a guest that runs

    def _is_alive(self, domain: libvirt.virDomain) -> bool:
        found = self._hypervisor.forgiving(domain.state, codes=(libvirt.VIR_ERR_NO_DOMAIN,), doing="tell the guest's state")
        return found is not None and states.power_state(*found) in states.ALIVE

    def _copy_running(self, domain: libvirt.virDomain, root: FileDisk, part: pathlib.Path, tell: Tell) -> None:
        """A backup of libvirt's in push mode: QEMU saves what the guest is about to overwrite first."""
        self._hypervisor.call(domain.backupBegin, _backup_xml(root.target, part), None, 0, doing='copy the disk')
        try:
            while (facts := self._job(domain)) is not None:
                tell(int(facts.get('disk_processed', 0)), int(facts.get('disk_total', 0)))
                sleep(_LOOK)
        except BaseException:
            self._abort(domain)
            raise
        done = self._hypervisor.forgiving(
            domain.jobStats, libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED, codes=_NO_JOB, doing='tell of the copy of the disk'
        )
        if (
            not done
            or done.get('type') != libvirt.VIR_DOMAIN_JOB_COMPLETED
            or done.get('operation') != libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP
        ):
            part.unlink(missing_ok=True)
            raise Transient('The copy of the disk broke off.', admin_detail=str((done or {}).get('errmsg') or 'the guest went off'))

    def _job(self, domain: libvirt.virDomain) -> dict[str, Any] | None:
        """Figures of the copy that is under way, or None."""
        facts = self._hypervisor.forgiving(domain.jobStats, 0, codes=_NO_JOB, doing='tell of the copy of the disk')
        return facts if facts and facts.get('type') != libvirt.VIR_DOMAIN_JOB_NONE else None

    def _stop(self, server_id: str) -> None:
        """End a copy that a process which died has left behind."""
        domain = self._hypervisor.domain(server_id)
        facts = self._job(domain) if domain is not None else None
        if domain is not None and facts is not None and facts.get('operation') == libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP:
            self._abort(domain)

    def _abort(self, domain: libvirt.virDomain) -> None:
        self._hypervisor.forgiving(domain.abortJob, codes=_NO_JOB, doing='stop the copy of the disk')
        for _ in range(150):
            if self._job(domain) is None:
                return
            sleep(_LOOK)
        raise Transient('The hypervisor has not stopped the copy of the disk yet.')


def _backup_xml(target: str, path: pathlib.Path) -> str:
    """https://libvirt.org/formatbackup.html: disks that are not named are not copied."""
    top = ET.Element('domainbackup', mode='push')
    disk = ET.SubElement(ET.SubElement(top, 'disks'), 'disk', name=target, backup='yes', type='file')
    ET.SubElement(disk, 'driver', type=FORMAT)
    ET.SubElement(disk, 'target', file=str(path))
    return ET.tostring(top, encoding='unicode')
