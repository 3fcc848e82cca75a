"""`Idempotency-Key`: a create that is sent again gives the first answer again instead of a second thing.

The key counts per user and project, together with what was asked: the same key with another body is refused. A second
request that arrives while the first is still running is told to try again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from common import clock
from common.api.call import Reply
from common.errors import Conflict, InvalidInput, TooManyRequests

if TYPE_CHECKING:
    from common.api.call import Call

KEEP_SECONDS = 24 * 3600
_LONGEST_KEY = 255


@dataclasses.dataclass
class Kept:
    """A first answer. `done` False: the first request is still running."""

    fingerprint: str
    done: bool = False
    status: int = 0
    headers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    body: Any = None
    extra: Any = None
    expires: float = 0.0


class IdempotencyStore(Protocol):
    """Where first answers are kept, for `KEEP_SECONDS`."""

    def begin(self, owner: str, key: str, fingerprint: str) -> Kept | None:
        """Take the key and give None, or give what is there already; atomic."""

    def finish(self, owner: str, key: str, kept: Kept) -> None:
        """Keep the first answer."""

    def forget(self, owner: str, key: str) -> None:
        """The first request failed: the key is free again."""


class MemoryStore:
    """Keeps answers in this process: for the embedded deployment and tests."""

    def __init__(self, keep_seconds: float = KEEP_SECONDS, most: int = 10000) -> None:
        self._keep = keep_seconds
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], Kept] = {}

    def begin(self, owner: str, key: str, fingerprint: str) -> Kept | None:
        now = clock.timestamp()
        with self._lock:
            found = self._kept.get((owner, key))
            if found is not None and found.expires > now:
                return found
            self._kept.pop((owner, key), None)
            while len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[owner, key] = Kept(fingerprint, expires=now + self._keep)
        return None

    def finish(self, owner: str, key: str, kept: Kept) -> None:
        kept.expires = clock.timestamp() + self._keep
        with self._lock:
            self._kept[owner, key] = kept

    def forget(self, owner: str, key: str) -> None:
        with self._lock:
            self._kept.pop((owner, key), None)


def once(store: IdempotencyStore, call: Call, handler: Callable[[Call], Any]) -> Any:
    """The handler's answer, or the one it gave the first time. Raises Conflict, TooManyRequests, InvalidInput."""
    key = call.environ['HTTP_IDEMPOTENCY_KEY']
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(f'Idempotency-Key must be of 1 to {_LONGEST_KEY} printable characters.', field='Idempotency-Key')
    owner = f'{call.ctx.user_id}:{call.ctx.project_id}'
    asked = json.dumps([call.environ.get('PATH_INFO'), call.action, call.body, call.beside], sort_keys=True, default=str)
    fingerprint = hashlib.sha256(asked.encode()).hexdigest()
    kept = store.begin(owner, key, fingerprint)
    if kept is not None:
        return _again(kept, fingerprint, call)
    try:
        result = handler(call)
    except BaseException:
        store.forget(owner, key)
        raise
    _keep(store, owner, key, fingerprint, call, result)
    return result


def _again(kept: Kept, fingerprint: str, call: Call) -> Reply:
    if kept.fingerprint != fingerprint:
        raise Conflict('This Idempotency-Key was used for another request; use a new key.', code='idempotency_key_reused')
    if not kept.done:
        raise TooManyRequests('The first request with this Idempotency-Key is still running; try again.', headers={'Retry-After': '1'})
    call.decided = True
    return Reply(kept.body, status=kept.status, headers=[*kept.headers, ('Idempotent-Replay', 'true')], extra=kept.extra)


def _keep(store: IdempotencyStore, owner: str, key: str, fingerprint: str, call: Call, result: Any) -> None:
    reply = result if isinstance(result, Reply) else Reply(result)
    if reply.app_iter is not None or reply.raw is not None:
        store.forget(owner, key)
        return
    store.finish(owner, key, Kept(fingerprint, True, reply.status or call.ok, reply.headers, reply.body, reply.extra))
