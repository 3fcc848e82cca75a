"""Exports by tgtd (package `tgt`): one iSCSI target with one logical unit and one CHAP account for each volume."""

from __future__ import annotations

import contextlib
import pathlib
import re
import threading
from typing import Any

from common.errors import Conflict, NotFound, PileusError, Transient
from volume.drivers.base import Credentials, Problem, Target
from volume.targets import tgt_control
from volume.targets.tgt_control import TgtControl

PREFIX = 'iqn.2026-11.org.pileus:'
_LUN = 1
_TARGET = re.compile(r'^Target (\d+): (\S+)$', re.MULTILINE)
_ATTEMPTS = 20


class TgtTarget(Target):
    """Volumes over iSCSI.

    :param control: the tgtd to drive
    :param portal: `address:port` that initiators connect to
    """

    name = 'tgt'

    def __init__(self, control: TgtControl, portal: str) -> None:
        self.control = control
        self.portal = portal
        self._lock = threading.Lock()

    @classmethod
    def at(cls, control_port: int, portal: str, directory: pathlib.Path = pathlib.Path('/var/run/tgtd')) -> TgtTarget:
        """The tgtd that was started with `-C control_port`."""
        return cls(TgtControl(directory / f'socket.{control_port}'), portal)

    def export(self, volume_id: str, path: str, credentials: Credentials) -> dict[str, Any]:
        iqn = PREFIX + volume_id
        with self._lock:
            tid = self._targets().get(iqn) or self._new_target(iqn)
            with contextlib.suppress(Conflict):
                self.control.call(tgt_control.UNIT, tgt_control.NEW, tid=tid, lun=_LUN, path=path)
            self._set_account(tid, credentials)
            with contextlib.suppress(Conflict):
                self.control.call(tgt_control.TARGET, tgt_control.BIND, tid=tid, initiator_address='ALL')
        data = {'target_portal': self.portal, 'target_iqn': iqn, 'target_lun': _LUN, 'target_discovered': False, 'volume_id': volume_id}
        return {'driver_volume_type': 'iscsi', 'data': data}

    def _targets(self) -> dict[str, int]:
        """Target numbers by iSCSI name, ours only."""
        text = self.control.call(tgt_control.TARGET, tgt_control.SHOW)
        return {iqn: int(tid) for tid, iqn in _TARGET.findall(text) if iqn.startswith(PREFIX)}

    def _new_target(self, iqn: str) -> int:
        """Make a target under the first free number. Others may use the same tgtd, so a number can be lost to them."""
        for _ in range(_ATTEMPTS):
            text = self.control.call(tgt_control.TARGET, tgt_control.SHOW)
            used = {int(tid) for tid, _ in _TARGET.findall(text)}
            tid = next(number for number in range(1, 65536) if number not in used)
            try:
                self.control.call(tgt_control.TARGET, tgt_control.NEW, tid=tid, targetname=iqn)
            except Conflict:
                continue
            return tid
        raise Transient('No iSCSI target number was free.')

    def _set_account(self, tid: int, credentials: Credentials) -> None:
        """Make the CHAP account anew and bind it: a secret from before a restart of ours may be another one."""
        with contextlib.suppress(NotFound):
            self.control.call(tgt_control.ACCOUNT, tgt_control.DELETE, user=credentials.username)
        self.control.call(tgt_control.ACCOUNT, tgt_control.NEW, user=credentials.username, password=credentials.password)
        with contextlib.suppress(Conflict):
            self.control.call(tgt_control.ACCOUNT, tgt_control.BIND, tid=tid, user=credentials.username)

    def unexport(self, volume_id: str) -> None:
        with self._lock:
            tid = self._targets().get(PREFIX + volume_id)
            if tid is not None:
                with contextlib.suppress(NotFound):
                    self.control.call(tgt_control.TARGET, tgt_control.DELETE, tid=tid, force=True)
            with contextlib.suppress(NotFound):
                self.control.call(tgt_control.ACCOUNT, tgt_control.DELETE, user=volume_id)

    def resized(self, volume_id: str) -> None:
        """tgtd reads the size of a unit when it is made, and cannot be told of a new one while a session uses it."""

    def inventory(self) -> list[str]:
        return [iqn.removeprefix(PREFIX) for iqn in self._targets()]

    def check(self) -> list[Problem]:
        try:
            self.control.call(tgt_control.SYSTEM, tgt_control.SHOW)
        except PileusError as error:
            return [Problem(error.message, 'Install the package "tgt" and start tgtd.')]
        return []
