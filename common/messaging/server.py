"""The answering end of a contract."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from common.clock import monotonic, timestamp
from common.errors import PileusError
from common.log import bound
from common.messaging.contract import CALL, Contract
from common.messaging.envelope import Envelope, pack_answer

LOG = logging.getLogger(__name__)

Reply = Callable[[str, str, bytes], None]  # (queue, correlation id, data)


class Server:
    """Runs the messages of one contract on a few threads, started when they are first needed.

    A message is acknowledged when its work is over, so one that a killed process held is delivered again.
    """

    def __init__(self, contract: type[Contract], implementation: object, host: str | None, workers: int, reply: Reply) -> None:
        contract.check_implementation(implementation)
        self.contract, self.host, self.workers = contract, host, workers
        self._functions = {name: getattr(implementation, name) for name in contract.methods}
        self._reply = reply
        self._queue: queue.SimpleQueue[tuple[Envelope, Callable[[], None]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._pending = 0
        self._lock = threading.Lock()
        self._quiet = threading.Condition(self._lock)
        self.stopping = False

    def take(self, envelope: Envelope, done: Callable[[], None]) -> None:
        """Queue a message; `done` is called when its work is over, well or not."""
        with self._lock:
            self._pending += 1
            if self._idle < self._pending and len(self._threads) < self.workers:
                thread = threading.Thread(target=self._work, name=f'{self.contract.topic}-{len(self._threads)}', daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put((envelope, done))

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            entry = self._queue.get()
            with self._lock:
                self._idle -= 1
            if entry is None:
                return
            try:
                self._run(*entry)
            finally:
                with self._lock:
                    self._pending -= 1
                    self._quiet.notify_all()

    def _run(self, envelope: Envelope, done: Callable[[], None]) -> None:
        error: PileusError | None = None
        result: Any = None
        ctx = envelope.caller()
        try:
            with bound(ctx, operation=envelope.arguments.get('operation')):
                result, error = self._invoke(envelope, ctx)
            if envelope.reply_to:
                self._answer(envelope, result, error)
        finally:
            done()

    def _invoke(self, envelope: Envelope, ctx: Any) -> tuple[Any, PileusError | None]:
        try:
            method = self.contract.method(envelope.method)
            method.check(self.contract.topic, envelope.arguments)
            if method.kind == CALL and timestamp() > envelope.deadline:
                LOG.info('%s.%s is not run: nobody waits for it any more', self.contract.topic, envelope.method)
                return None, None
            return self._functions[envelope.method](ctx, **envelope.arguments), None
        except PileusError as error:
            if not envelope.reply_to:
                LOG.warning('%s.%s failed: %s (%s)', self.contract.topic, envelope.method, error.message, error.admin_detail)
            return None, error
        except Exception:
            LOG.exception('%s.%s failed unexpectedly', self.contract.topic, envelope.method)
            return None, PileusError()

    def _answer(self, envelope: Envelope, result: Any, error: PileusError | None) -> None:
        try:
            self._reply(envelope.reply_to, envelope.message_id, pack_answer(result, error))
        except PileusError as failure:
            LOG.warning('the answer of %s.%s is lost: %s', self.contract.topic, envelope.method, failure.message)

    @property
    def busy(self) -> bool:
        """Whether anything is queued or in hand."""
        return self._pending > 0

    def stop(self, drain: float = 10.0) -> None:
        """Take no new messages and give those in hand up to `drain` seconds."""
        self.stopping = True
        end = monotonic() + drain
        with self._lock:
            while self._pending and monotonic() < end:
                self._quiet.wait(max(0.0, end - monotonic()))
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
