"""The way to libvirtd: each thread has a connection of its own, and one more brings events and notices when libvirtd hangs.

Two rules follow from libvirt's client library (the one of Debian 12): a connection on which several calls are under way, or whose keepalive
expires while a call is, can crash the process; and neither opening a connection nor a call ever gives up by itself. So calls never share a
connection and have no keepalive; they are made in a helper thread, and whoever waits for one stops waiting when libvirtd hangs. Closing
a connection waits for libvirtd too, so one thread closes them for all.
"""

from __future__ import annotations

import logging
import threading
from _queue import SimpleQueue  # the C one: it stays itself under eventlet, and is waited for through `blocking`
from collections.abc import Callable
from typing import Any, TypeVar

import libvirt

from common.clock import monotonic
from common.errors import Conflict, PileusError, Refused, Transient
from common.service.concurrency import blocking

LOG = logging.getLogger(__name__)
T = TypeVar('T')

PREFIX = 'pl-'
_KEEPALIVE = (5, 3)  # seconds between signs of life, and how many may stay away
_LOOK = 3.0  # seconds between looks whether a lost connection can be had again
_OPEN = 5.0  # seconds that opening a connection may take
_CALL = 600.0  # seconds that a call may take where nothing says that libvirtd hangs; saving a guest's memory is the longest
_LOST = frozenset({libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INVALID_CONN, libvirt.VIR_ERR_RPC})
_PASSING = frozenset({libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_RESOURCE_BUSY, libvirt.VIR_ERR_AGENT_UNRESPONSIVE})
_ALL = '*'
_loop_lock = threading.Lock()
_loop_started = False
_to_close: Any = SimpleQueue()


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
        threading.Thread(target=lambda: blocking(_close), name='libvirt-close', daemon=True).start()
        _loop_started = True


def _close() -> None:
    while True:
        connection = _to_close.get()
        del connection  # libvirt closes a connection with its last reference


class _Held:
    """A thread's connection, to be closed elsewhere when the thread ends or has no use for it."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.connection = connection

    def __del__(self) -> None:
        _to_close.put(self.__dict__.pop('connection'))


class _Answer:
    """A call of libvirt in a thread of its own, which may be left alone with it."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._done = threading.Event()
        self._value: Any = None
        self._error: Exception | None = None
        threading.Thread(target=self._find, args=(function, arguments), name='libvirt-call', daemon=True).start()

    def _find(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            self._value = blocking(function, *arguments)
        except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether it is there."""
        return self._done.wait(seconds)

    def get(self) -> Any:
        """The value, or the error."""
        error, self._error = self._error, None  # its traceback knows this object: such a ring would keep connections open until it is found
        try:
            if error is not None:
                raise error
            return self._value
        finally:
            del error


class Hypervisor:
    """One libvirtd.

    :param uri: for example `qemu:///system`
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._mine = threading.local()
        self._hangs = False
        self._events: Any = SimpleQueue()
        self._on_change: Callable[[str], None] | None = None
        self._stopping = threading.Event()

    # -- calls

    def connection(self) -> libvirt.virConnect:
        """The live connection of this thread. Raises Transient when libvirtd does not answer, after some seconds when it hangs."""
        if not self._hangs and self._is_alive():
            return self._mine.held.connection
        self._mine.held = None
        start_loop()
        answer = None if self._hangs else _Answer(libvirt.open, (self.uri,))
        if answer is None or not answer.wait(_OPEN):
            raise self._silent()
        try:
            self._mine.held = _Held(answer.get())
        except libvirt.libvirtError as error:
            raise Transient('The hypervisor of the host does not answer.', admin_detail=f'{self.uri}: {error}') from None
        return self._mine.held.connection

    def _is_alive(self) -> bool:
        held: _Held | None = getattr(self._mine, 'held', None)
        return held is not None and bool(held.connection.isAlive())

    def _silent(self) -> Transient:
        return Transient(
            'The hypervisor of the host does not answer.', admin_detail=f'{self.uri}: libvirtd is there and says nothing; restart it'
        )

    def _ask(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        held = getattr(self._mine, 'held', None)
        self._mine.held = None  # should the wait be given up, the call that is under way keeps the connection
        answer = _Answer(function, arguments)
        end = monotonic() + _CALL
        while not answer.wait(1.0):
            if self._hangs or monotonic() > end:
                raise self._silent()
        self._mine.held = held
        value: T = answer.get()
        return value

    def call(self, function: Callable[..., T], *arguments: Any, doing: str = 'do that') -> T:
        """Call libvirt.

        :param doing: what is being done, in words that follow "could not"
        :raises: Transient when libvirtd is away or busy, Conflict when the guest is in the wrong state, else Refused
        """
        try:
            return self._ask(function, arguments)
        except libvirt.libvirtError as error:
            raise self._translate(error, doing) from None

    def _translate(self, error: libvirt.libvirtError, doing: str) -> PileusError:
        code, detail = error.get_error_code(), f'libvirt: {error}'
        if code in _LOST or error.get_error_domain() == libvirt.VIR_FROM_RPC or not self._is_alive():
            return Transient('The hypervisor of the host does not answer.', admin_detail=detail)
        if code in _PASSING:
            return Transient(f'The hypervisor could not {doing} yet.', admin_detail=detail)
        if code == libvirt.VIR_ERR_OPERATION_INVALID:
            return Conflict(f'The hypervisor could not {doing}: the guest is in another state.', admin_detail=detail)
        return Refused(f'The hypervisor of the host could not {doing}.', admin_detail=detail)

    def domain(self, server_id: str) -> libvirt.virDomain | None:
        """The guest of a server, or None. It belongs to the thread that asks."""
        connection = self.connection()
        return self.forgiving(connection.lookupByName, PREFIX + server_id, codes=(libvirt.VIR_ERR_NO_DOMAIN,), doing='find the guest')

    def forgiving(self, function: Callable[..., T], *arguments: Any, codes: tuple[int, ...], doing: str) -> T | None:
        """As `call`; None when libvirt answers with one of these error codes."""
        try:
            return self._ask(function, arguments)
        except libvirt.libvirtError as error:
            if error.get_error_code() in codes:
                return None
            raise self._translate(error, doing) from None

    # -- events

    def start(self, on_change: Callable[[str], None]) -> None:
        """Tell `on_change` the name of each domain whose state changed, or may have, from a thread of its own."""
        start_loop()
        self._stopping.clear()
        self._on_change = on_change
        threading.Thread(target=self._keep_watch, name='libvirt-watch', daemon=True).start()
        threading.Thread(target=self._deliver, name='libvirt-events', daemon=True).start()

    def stop(self) -> None:
        """Bring no more events; guests run on."""
        self._stopping.set()
        self._events.put(None)

    def _keep_watch(self) -> None:
        """Have a connection for the events, opened anew whenever it is lost. Nothing in this thread waits for an answer without an end."""
        watch: libvirt.virConnect | None = None
        opening: _Answer | None = None  # one attempt at a time, since an attempt at a libvirtd that hangs stays
        lost = False
        while not self._stopping.is_set():
            if watch is None or not watch.isAlive():
                lost = lost or watch is not None
                watch = None
                opening = opening or _Answer(self._open_watch, ())
                if opening.wait(_OPEN):
                    watch, opening, self._hangs = self._opened(opening, quiet=lost), None, False
                    if lost and watch is not None:
                        LOG.info('%s answers again', self.uri)
                        self._events.put(_ALL)
                    lost = watch is None
                elif not self._hangs:
                    LOG.warning('%s: libvirtd is there and says nothing; restart it', self.uri)
                    self._hangs = lost = True
            self._stopping.wait(_LOOK)
        if watch is not None:
            blocking(watch.close)

    def _opened(self, opening: _Answer, quiet: bool) -> libvirt.virConnect | None:
        try:
            watch: libvirt.virConnect = opening.get()
            return watch
        except libvirt.libvirtError as error:
            LOG.log(logging.DEBUG if quiet else logging.WARNING, '%s: %s', self.uri, error)
            return None

    def _open_watch(self) -> libvirt.virConnect:
        connection = libvirt.open(self.uri)
        connection.setKeepAlive(*_KEEPALIVE)
        connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle, None)
        return connection

    def _lifecycle(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        self._events.put(domain.name())

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            name = blocking(self._events.get)
            try:
                for one in self._names() if name == _ALL else [name]:
                    if one is not None and self._on_change is not None and not self._stopping.is_set():
                        self._on_change(one)
            except PileusError as error:
                LOG.info(
                    'a change of domain %s was not told, the next comparison will find it: %s', name, error.admin_detail or error.message
                )
            except Exception:  # noqa: BLE001 - a listener that fails must not end the delivery of later events
                LOG.exception('the change of domain %s could not be handled', name)

    def _names(self) -> list[str]:
        """All domains: what happened while there was no connection was not told."""
        return [domain.name() for domain in self.call(self.connection().listAllDomains, doing='list its guests')]
