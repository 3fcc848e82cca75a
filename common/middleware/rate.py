"""A limit of requests per caller: a bucket of `burst` requests that fills at `per_second`."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.errors import TooManyRequests
from common.middleware.live import number, objects_of
from common.middleware.refuse import refuse

_MOST_CALLERS = 10000


class Rate:
    """WSGI middleware. Callers are told apart by project, then user, then address; services are not limited."""

    def __init__(self, app: Any, service: str, per_second: float, burst: float) -> None:
        self._app = app
        self._service = service
        self._per_second = per_second
        self._burst = max(burst, 1.0)
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        ctx = environ.get('pileus.context')
        if ctx is None or not ctx.is_service:
            caller = (ctx and (ctx.project_id or ctx.user_id)) or environ.get('REMOTE_ADDR', '')
            wait = self._take(caller)
            if wait > 0:
                seconds = math.ceil(wait)
                error = TooManyRequests(
                    f'Too many requests: {self._per_second:g} a second are allowed. Try again in {seconds} s.',
                    headers={'Retry-After': str(seconds)},
                )
                return refuse(environ, start_response, self._service, error)
        return self._app(environ, start_response)

    def _take(self, caller: str) -> float:
        """Take one request out of the caller's bucket: 0, or how many seconds until there is one."""
        now = clock.monotonic()
        with self._lock:
            left, seen = self._buckets.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - seen) * self._per_second)
            allowed = left >= 1
            self._buckets[caller] = (left - 1 if allowed else left, now)
            if len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_second


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], Any]:
    """For PasteDeploy; `per_second` (0, the default: the filter is not there at all) and `burst` (default: twice that)."""
    objects = objects_of(global_conf)
    per_second = number(local.get('per_second', '0'), 'per_second')
    burst = number(local.get('burst', str(per_second * 2)), 'burst')
    return lambda app: Rate(app, objects.service, per_second, burst) if per_second else app
