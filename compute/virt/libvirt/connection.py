"""The connection to libvirtd: opened when first needed, opened anew when it was lost, with its events in one thread."""

from __future__ import annotations

import logging
import threading
from _queue import Empty, SimpleQueue  # the C one: it stays itself under eventlet, and is waited for through `blocking`
from collections.abc import Callable
from typing import Any, TypeVar

import libvirt

from common.errors import Conflict, PileusError, Refused, Transient
from common.service.concurrency import blocking

LOG = logging.getLogger(__name__)
T = TypeVar('T')

PREFIX = 'pl-'
_KEEPALIVE = (5, 4)  # seconds between signs of life, and how many may stay away
_LOOK = 3.0  # seconds between looks whether a lost connection can be had again
_LOST = frozenset({libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INVALID_CONN, libvirt.VIR_ERR_RPC})
_PASSING = frozenset({libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_RESOURCE_BUSY, libvirt.VIR_ERR_AGENT_UNRESPONSIVE})
_loop_lock = threading.Lock()
_loop_started = False


def _run_loop() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def start_loop() -> None:
    """The event loop of libvirt, once for each process; it has to be there before the first connection."""
    global _loop_started
    with _loop_lock:
        if _loop_started:
            return
        libvirt.registerErrorHandler(lambda *_: None, None)  # errors come as exceptions; nothing goes to standard error
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=lambda: blocking(_run_loop), name='libvirt-loop', daemon=True).start()
        _loop_started = True


class Hypervisor:
    """One libvirtd.

    :param uri: for example `qemu:///system`
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._lock = threading.Lock()
        self._connection: libvirt.virConnect | None = None
        self._events: Any = SimpleQueue()
        self._on_change: Callable[[str], None] | None = None
        self._stopping = False

    # -- calls

    def connection(self) -> libvirt.virConnect:
        """The live connection. Raises Transient when libvirtd does not answer."""
        with self._lock:
            if self._connection is not None and self._connection.isAlive():
                return self._connection
            start_loop()
            try:
                self._connection = blocking(self._open)
            except libvirt.libvirtError as error:
                raise Transient('The hypervisor of the host does not answer.', admin_detail=f'{self.uri}: {error}') from None
            return self._connection

    def _open(self) -> libvirt.virConnect:
        connection = libvirt.open(self.uri)
        connection.setKeepAlive(*_KEEPALIVE)
        connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle, None)
        return connection

    def call(self, function: Callable[..., T], *arguments: Any, doing: str = 'do that') -> T:
        """Call libvirt.

        :param doing: what is being done, in words that follow "could not"
        :raises: Transient when libvirtd is away or busy, Conflict when the guest is in the wrong state, else Refused
        """
        try:
            return blocking(function, *arguments)
        except libvirt.libvirtError as error:
            raise self._translate(error, doing) from None

    def _translate(self, error: libvirt.libvirtError, doing: str) -> PileusError:
        code, detail = error.get_error_code(), f'libvirt: {error}'
        connection = self._connection
        if code in _LOST or error.get_error_domain() == libvirt.VIR_FROM_RPC or connection is None or not connection.isAlive():
            return Transient('The hypervisor of the host does not answer.', admin_detail=detail)
        if code in _PASSING:
            return Transient(f'The hypervisor could not {doing} yet.', admin_detail=detail)
        if code == libvirt.VIR_ERR_OPERATION_INVALID:
            return Conflict(f'The hypervisor could not {doing}: the guest is in another state.', admin_detail=detail)
        return Refused(f'The hypervisor of the host could not {doing}.', admin_detail=detail)

    def domain(self, server_id: str) -> libvirt.virDomain | None:
        """The guest of a server, or None."""
        connection = self.connection()
        try:
            return blocking(connection.lookupByName, PREFIX + server_id)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise self._translate(error, 'find the guest') from None

    def forgiving(self, function: Callable[..., T], *arguments: Any, codes: tuple[int, ...], doing: str) -> T | None:
        """As `call`; None when libvirt answers with one of these error codes."""
        try:
            return blocking(function, *arguments)
        except libvirt.libvirtError as error:
            if error.get_error_code() in codes:
                return None
            raise self._translate(error, doing) from None

    # -- events

    def start(self, on_change: Callable[[str], None]) -> None:
        """Tell `on_change` the name of each domain whose state changed, from a thread of its own."""
        start_loop()
        self._stopping = False
        self._on_change = on_change
        threading.Thread(target=self._deliver, name='libvirt-events', daemon=True).start()

    def stop(self) -> None:
        """Close the connection; guests run on."""
        self._stopping = True
        self._events.put(None)
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            try:
                blocking(connection.close)
            except libvirt.libvirtError as error:
                LOG.debug('closing the connection to libvirtd: %s', error)

    def _lifecycle(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        self._events.put(domain.name())

    def _next(self) -> str | None:
        try:
            return self._events.get(timeout=_LOOK)
        except Empty:
            return None

    def _deliver(self) -> None:
        reachable = True
        while not self._stopping:
            name = blocking(self._next)
            try:
                self.connection()  # a lost one is opened anew, else no event would ever come again
                if name is not None and self._on_change is not None and not self._stopping:
                    self._on_change(name)
                if not reachable:
                    LOG.info('%s answers again', self.uri)
                reachable = True
            except PileusError as error:
                if reachable and not self._stopping:
                    LOG.warning('%s: %s', self.uri, error.admin_detail or error.message)
                reachable = False
            except Exception:  # noqa: BLE001 - a listener that fails must not end the delivery of later events
                LOG.exception('the change of domain %s could not be handled', name)
