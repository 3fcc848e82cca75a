"""The connection to libvirtd: opened when needed, opened anew when libvirtd was restarted, with its events on one thread."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import libvirt

from common.errors import NotFound, PileusError, Refused, Transient
from compute.virt.libvirt.domain_xml import PREFIX, domain_name

LOG = logging.getLogger(__name__)
URI = 'qemu:///system'
_GONE = {
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_INTERNAL_ERROR,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
}
_PASSING = {libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_RESOURCE_BUSY}
_ABSENT = {libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_NO_SECRET}
_loop = threading.Event()


def _run_events() -> None:
    """One event loop for the process, as libvirt has it."""
    if _loop.is_set():
        return
    _loop.set()
    libvirt.virEventRegisterDefaultImpl()
    libvirt.registerErrorHandler(lambda context, error: None, None)

    def turn() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=turn, name='libvirt-events', daemon=True).start()


class Connection:
    """Gives a live `virConnect`, and tells of guests that change by themselves.

    :param on_event: called with (server id, libvirt's event number)
    """

    def __init__(self, uri: str = URI, on_event: Callable[[str, int], None] | None = None) -> None:
        self.uri, self._on_event = uri, on_event
        self._lock = threading.Lock()
        self._open: Any = None

    def get(self) -> Any:
        """The connection. Raises Transient when libvirtd does not answer."""
        with self._lock:
            if self._open is not None and self._alive():
                return self._open
            _run_events()
            try:
                self._open = libvirt.open(self.uri)
                self._open.setKeepAlive(5, 3)
                self._open.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._event, None)
            except libvirt.libvirtError as error:
                self._open = None
                raise Transient('The hypervisor of the host does not answer; start libvirtd.', admin_detail=str(error)) from error
            return self._open

    def _alive(self) -> bool:
        try:
            return bool(self._open.isAlive())
        except libvirt.libvirtError:
            return False

    def _event(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        name = domain.name()
        if self._on_event is not None and name.startswith(PREFIX):
            # Not on libvirt's own thread, which must not wait for anybody.
            threading.Thread(target=self._on_event, args=(name.removeprefix(PREFIX), event), daemon=True).start()

    def close(self) -> None:
        """Hang up; guests run on."""
        with self._lock:
            if self._open is not None:
                with contextlib.suppress(libvirt.libvirtError):
                    self._open.close()
                self._open = None

    def domain(self, server_id: str) -> Any:
        """The domain of a server. Raises NotFound, Transient."""
        with errors('guest', server_id):
            return self.get().lookupByName(domain_name(server_id))

    def find(self, server_id: str) -> Any | None:
        """The domain of a server, or None."""
        try:
            return self.domain(server_id)
        except NotFound:
            return None


@contextlib.contextmanager
def errors(noun: str, identifier: str) -> Iterator[None]:
    """libvirt's errors as ours: what may pass is Transient, what this host cannot do is Refused."""
    try:
        yield
    except libvirt.libvirtError as error:
        code = error.get_error_code()
        detail = str(error)
        if code in _ABSENT:
            raise NotFound(noun, identifier) from error
        if code in _PASSING or code in _GONE and error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise Transient('The hypervisor of the host is busy or away.', admin_detail=detail) from error
        if 'annot allocate memory' in detail or 'No space left' in detail:
            raise Refused('The host has no room for the server now.', admin_detail=detail) from error
        raise PileusError('The hypervisor refused the request.', admin_detail=detail, code='hypervisor') from error
