"""The management protocol of tgtd, spoken over its local socket.

The `tgtadm` command takes CHAP secrets as arguments, where every user of the machine can read them, and costs a process per
call. The protocol below is the one that `tgtadm` 1.0.85 speaks: a fixed request of 120 bytes in the machine's byte order,
then `key=value` pairs parted by commas and ended by a zero byte; the reply is two 32-bit numbers (error, total length) and
text.
"""

from __future__ import annotations

import pathlib
import socket
import struct

from common.errors import Conflict, NotFound, PileusError, Transient

_REQUEST = struct.Struct('=II64sIiQQIIIIII')
_REPLY = struct.Struct('=II')
_ABSENT = 0xFFFFFFFFFFFFFFFF

SYSTEM, TARGET, UNIT, PORTAL, CONNECTION, ACCOUNT = 0, 1, 2, 3, 6, 7
NEW, DELETE, SHOW, BIND, UNBIND, UPDATE = range(6)

# Numbers that tgtd answers with (its own enumeration).
_NO_TARGET, _NO_UNIT, _TARGET_EXISTS, _UNIT_EXISTS, _ACL_EXISTS, _USER_EXISTS, _NO_USER = 4, 5, 9, 10, 12, 14, 15
_ABSENCE = frozenset({_NO_TARGET, _NO_UNIT, _NO_USER})
_PRESENCE = frozenset({_TARGET_EXISTS, _UNIT_EXISTS, _ACL_EXISTS, _USER_EXISTS})


class TgtControl:
    """One tgtd, addressed by its socket.

    :param socket_path: for example `/var/run/tgtd/socket.0`; the number is tgtd's control port (`-C`)
    """

    def __init__(self, socket_path: pathlib.Path, timeout: float = 10.0) -> None:
        self.socket_path = socket_path
        self.timeout = timeout

    def call(self, mode: int, operation: int, *, tid: int = -1, lun: int | None = None, force: bool = False, **pairs: str) -> str:
        """Send one request and give the text of the answer.

        :raises: NotFound, Conflict (it exists already), Transient (tgtd is not there), PileusError with tgtd's number
        """
        body = b''
        if pairs:
            # `path=` of a logical unit may hold any character but a comma; ids and iSCSI names hold none.
            body = ','.join(f'{key.replace("_", "-")}={value}' for key, value in pairs.items()).encode() + b'\0'
        head = _REQUEST.pack(
            mode, operation, b'iscsi', _REQUEST.size + len(body), tid, 0, _ABSENT if lun is None else lun, 0, 0, 0, 0, 0, int(force)
        )
        error, text = self._exchange(head + body)
        if error in _ABSENCE:
            raise NotFound('iSCSI target object', f'{mode}/{tid}')
        if error in _PRESENCE:
            raise Conflict('The iSCSI target object exists already.')
        if error:
            raise PileusError(
                'The iSCSI target daemon refused a request.', admin_detail=f'tgtd error {error} mode {mode} operation {operation}'
            )
        return text

    def _exchange(self, request: bytes) -> tuple[int, str]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self.timeout)
                connection.connect(str(self.socket_path))
                connection.sendall(request)
                error, total = _REPLY.unpack(_read(connection, _REPLY.size))
                text = _read(connection, total - _REPLY.size) if total > _REPLY.size else b''
        except OSError as failure:
            raise Transient(
                'The iSCSI target daemon does not answer; start tgtd.', admin_detail=f'{self.socket_path}: {failure}'
            ) from failure
        return error, text.rstrip(b'\0').decode(errors='replace')


def _read(connection: socket.socket, count: int) -> bytes:
    parts = []
    while count > 0:
        part = connection.recv(count)
        if not part:
            raise ConnectionError('tgtd closed the connection')
        parts.append(part)
        count -= len(part)
    return b''.join(parts)
