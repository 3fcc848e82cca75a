"""The answering end of a contract."""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable

from common.clock import monotonic, timestamp
from common.errors import PileusError
from common.log import bound
from common.messaging.contract import CALL, Contract
from common.messaging.envelope import Envelope, pack_answer
from common.messaging.pool import Pool

LOG = logging.getLogger(__name__)

Reply = Callable[[str, str, bytes], None]  # (queue, correlation id, data)
Done = Callable[[], None]


class Server:
    """Runs the messages of one contract, up to `workers` at a time, on the threads of the process's pool.

    A message is acknowledged when its work is over, so one that a killed process held is delivered again.
    """

    def __init__(self, contract: type[Contract], implementation: object, host: str | None, workers: int, pool: Pool, reply: Reply) -> None:
        contract.check_implementation(implementation)
        self.contract, self.host, self.workers = contract, host, workers
        self._functions = {name: getattr(implementation, name) for name in contract.methods}
        self._pool, self._reply = pool, reply
        self._waiting: collections.deque[tuple[Envelope, Done]] = collections.deque()
        self._running = 0
        self._lock = threading.Lock()
        self._quiet = threading.Condition(self._lock)
        self.stopping = False

    def take(self, envelope: Envelope, done: Done) -> None:
        """Queue a message; `done` is called when its work is over, well or not."""
        with self._lock:
            self._waiting.append((envelope, done))
            if self._running >= self.workers:
                return
            self._running += 1
        self._pool.submit(self._work)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    self._quiet.notify_all()
                    return
                envelope, done = self._waiting.popleft()
            try:
                self._run(envelope)
            except Exception:
                LOG.exception('%s.%s could not be answered', self.contract.topic, envelope.method)
            finally:
                done()

    def _run(self, envelope: Envelope) -> None:
        ctx = envelope.caller()
        answer: bytes | None = None
        with bound(ctx, operation=envelope.arguments.get('operation'), service=self.contract.topic.partition('.')[0]):
            try:
                method = self.contract.method(envelope.method)
                method.check(self.contract.topic, envelope.arguments)
                if method.kind == CALL and timestamp() > envelope.deadline:
                    LOG.info('%s.%s is not run: nobody waits for it any more', self.contract.topic, envelope.method)
                    return
                result = self._functions[envelope.method](ctx, **envelope.arguments)
                if envelope.reply_to:
                    answer = pack_answer(result, None)
            except PileusError as error:
                if not envelope.reply_to:
                    LOG.warning('%s.%s failed: %s (%s)', self.contract.topic, envelope.method, error.message, error.admin_detail)
                answer = _packed(error)
            except Exception:
                LOG.exception('%s.%s failed unexpectedly', self.contract.topic, envelope.method)
                answer = _packed(PileusError())
            if envelope.reply_to and answer is not None:
                self._answer(envelope, answer)

    def _answer(self, envelope: Envelope, answer: bytes) -> None:
        try:
            self._reply(envelope.reply_to, envelope.message_id, answer)
        except PileusError as failure:
            LOG.warning('the answer of %s.%s is lost: %s', self.contract.topic, envelope.method, failure.admin_detail or failure.message)

    @property
    def busy(self) -> bool:
        """Whether anything is queued or in hand."""
        return self._running > 0

    def stop(self, drain: float = 10.0) -> None:
        """Take no new messages, give those in hand up to `drain` seconds, leave the rest to the broker."""
        self.stopping = True
        end = monotonic() + drain
        with self._lock:
            self._waiting.clear()
            while self._running and monotonic() < end:
                self._quiet.wait(max(0.0, end - monotonic()))


def _packed(error: PileusError) -> bytes:
    """An error as an answer; details that are no JSON are left out rather than lose the error."""
    try:
        return pack_answer(None, error)
    except (TypeError, ValueError):
        return pack_answer(None, type(error)(error.message) if type(error) is PileusError else PileusError(error.message, code=error.code))
