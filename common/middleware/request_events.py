"""Notes requests that change things, or fail, in the service's own database: what `pileus timeline` reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.middleware.live import objects_of


class NoteRequests:
    """WSGI middleware, inside of `authenticate`. `events`: `common.operations.timeline.RequestEvents`, or None for none."""

    def __init__(self, app: Any, events: Any) -> None:
        self._app = app
        self._events = events

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began, started = clock.monotonic(), clock.timestamp()

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            ctx = environ.get('pileus.context')
            if ctx is not None:
                self._events.record(
                    ctx, environ['REQUEST_METHOD'], environ['PATH_INFO'], int(status[:3]), started, clock.monotonic() - began
                )
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return self._app(environ, note)


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], Any]:
    """For PasteDeploy; no options."""
    objects = objects_of(global_conf)
    return lambda app: NoteRequests(app, objects.request_events) if objects.request_events is not None else app
