"""Requests that carry image data: each has a thread besides those for other requests, and is counted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from common.api import Call
from common.api.body import take_long
from common.errors import Unavailable


def begin(call: Call) -> Callable[[], None]:
    """Begin a transfer in this request. Raises TooManyRequests, Unavailable."""
    if 'pileus.take_long' not in call.environ:  # a request within the process: it has the thread of who asks, who may forget to end it
        return lambda: None
    end: Callable[[], None] = call.service.transfers.begin(call.ctx)
    try:
        take_long(call.environ)
    except Unavailable:
        end()
        raise
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
