"""Requests that carry image data: each has a thread besides those for other requests, and is counted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from common.api import Call
from common.errors import Unavailable
from image.transfers import RETRY_AFTER


def begin(call: Call) -> Callable[[], None]:
    """Begin a transfer in this request. Raises TooManyRequests, Unavailable."""
    take_long = call.environ.get('pileus.take_long')
    if take_long is None:  # a request within the process: it has the thread of who asks, who may forget to end it
        return lambda: None
    end: Callable[[], None] = call.service.transfers.begin(call.ctx)
    if not take_long():
        end()
        raise Unavailable('There are too many slow connections. Try again in a moment.', headers=RETRY_AFTER)
    return end


def transfer(handler: Callable[[Call], Any]) -> Callable[[Call], Any]:
    """A handler that takes the data of its request, and has taken them when it returns."""

    @functools.wraps(handler)
    def counted(call: Call) -> Any:
        if call.content_length == 0:
            return handler(call)
        end = begin(call)
        try:
            return handler(call)
        finally:
            end()

    return counted
