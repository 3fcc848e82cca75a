"""Volumes of servers: what is attached is noted in a file of root's, so that a guest can be defined anew without asking anyone."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import threading
from typing import Any

import libvirt

from common.errors import Refused
from compute.virt.base import VolumeSpec
from compute.virt.libvirt.connection import Hypervisor
from compute.virt.libvirt.disks import DiskStore
from compute.virt.libvirt.domain_xml import NetworkDisk, secret_uuid

_LETTERS = 'abcdefghijklmnopqrstuvwxyz'


class VolumeBook:
    """The file `volumes.json` (0600) in a server's folder: volume id -> connection, device, read_only."""

    def __init__(self, disks: DiskStore) -> None:
        self._disks = disks
        self._lock = threading.Lock()

    def _path(self, server_id: str) -> pathlib.Path:
        return self._disks.folder(server_id) / 'volumes.json'

    def read(self, server_id: str) -> dict[str, dict[str, Any]]:
        """All notes of a server."""
        try:
            return dict(json.loads(self._path(server_id).read_text()))
        except FileNotFoundError:
            return {}

    def note(self, server_id: str, volume: VolumeSpec, device: str) -> None:
        """Remember a volume."""
        entry = {'connection': volume.connection, 'device': device, 'read_only': volume.read_only}
        with self._lock:
            self._write(server_id, {**self.read(server_id), volume.volume_id: entry})

    def forget(self, server_id: str, volume_id: str) -> None:
        """Remember it no more."""
        with self._lock:
            entries = self.read(server_id)
            if entries.pop(volume_id, None) is not None:
                self._write(server_id, entries)

    def _write(self, server_id: str, entries: dict[str, dict[str, Any]]) -> None:
        path = self._path(server_id)
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        new = path.with_suffix('.new')
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w') as file:
            json.dump(entries, file)
        new.rename(path)

    def known(self, server_id: str, volume: VolumeSpec) -> VolumeSpec:
        """The volume with its connection, from the notes where the caller has none. Raises Refused when nobody knows it."""
        entry = self.read(server_id).get(volume.volume_id, {})
        connection = volume.connection or entry.get('connection')
        if not connection:
            raise Refused(f'The connection of volume {volume.volume_id} is not known on the host; detach it and attach it again.')
        return VolumeSpec(volume.volume_id, volume.attachment_id, volume.device or entry.get('device'), volume.read_only, connection)


class Secrets:
    """CHAP passwords as private secrets of libvirt: in its memory only, given to QEMU through a pipe, in no command line."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor

    def put(self, volume: VolumeSpec) -> None:
        """Define the secret of a volume, if it has one. It is gone when libvirtd ends, so this precedes each start of a guest."""
        data = volume.connection.get('data', volume.connection)
        if not data.get('auth_password'):
            return
        connection = self._hypervisor.connection()
        xml = (
            f"<secret ephemeral='yes' private='yes'><uuid>{secret_uuid(volume.volume_id)}</uuid>"
            f"<usage type='iscsi'><target>pileus-{volume.volume_id}</target></usage></secret>"
        )
        secret = self._hypervisor.call(connection.secretDefineXML, xml, doing='keep the credentials of a volume')
        self._hypervisor.call(secret.setValue, str(data['auth_password']).encode(), doing='keep the credentials of a volume')

    def drop(self, volume_id: str) -> None:
        """Forget it; an absent one is fine."""
        connection = self._hypervisor.connection()
        codes = (libvirt.VIR_ERR_NO_SECRET,)
        doing = 'forget the credentials of a volume'
        secret = self._hypervisor.forgiving(connection.secretLookupByUUIDString, secret_uuid(volume_id), codes=codes, doing=doing)
        if secret is not None:
            self._hypervisor.forgiving(secret.undefine, codes=codes, doing=doing)


def network_disk(volume: VolumeSpec, target: str) -> NetworkDisk:
    """The device of a volume. Raises Refused for what is not iSCSI."""
    kind = volume.connection.get('driver_volume_type', 'iscsi')
    if kind != 'iscsi':
        raise Refused(f'Volume {volume.volume_id} is reached by {kind}, which this host cannot do.')
    data = volume.connection.get('data', volume.connection)
    address, _, port = str(data['target_portal']).rpartition(':')
    return NetworkDisk(
        volume.volume_id,
        target,
        address.strip('[]'),
        int(port),
        str(data['target_iqn']),
        int(data['target_lun']),
        str(data['auth_username']) if data.get('auth_username') else None,
        volume.read_only or data.get('access_mode') == 'ro',
    )


def choose_target(wanted: str | None, used: set[str]) -> str:
    """A device name such as `vdb`: the wanted one if it is free, else the first free one. Raises Refused when all are taken."""
    name = (wanted or '').removeprefix('/dev/')
    if name.startswith('vd') and name not in used:
        return name
    free = next((f'vd{letter}' for letter in _LETTERS if f'vd{letter}' not in used), None)
    if free is None:
        raise Refused('The guest has as many disks as it can have; detach one first.')
    return free
