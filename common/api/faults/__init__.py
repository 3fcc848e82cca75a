"""Errors as each service's clients expect them.

A formatter is `format(error, request_id, accept='') -> (status, headers, body)`; `accept` is the request's Accept header.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from common.errors import PileusError

Headers = list[tuple[str, str]]
Formatted = tuple[int, Headers, bytes]
Formatter = Callable[..., Formatted]


def formatter(service: str) -> Formatter:
    """The formatter of a service; services of our own speak like compute."""
    from common.api.faults import compute, identity, image, network, volume

    known: dict[str, Formatter] = {
        'identity': identity.format,
        'image': image.format,
        'network': network.format,
        'volume': volume.format,
    }
    return known.get(service, compute.format)


def finished(status: int, error: PileusError, body: Any, more: Iterable[tuple[str, str]] = ()) -> Formatted:
    """A JSON body with its headers and those that the error brings along."""
    data = json.dumps(body, separators=(',', ':')).encode()
    return status, [*error.headers.items(), *more, ('Content-Type', 'application/json'), ('Content-Length', str(len(data)))], data


def message_of(error: PileusError, request_id: str) -> str:
    """The user's message; a defect of ours says nothing but the request id to give to the operator."""
    if error.status == 500:
        return f'{PileusError.default_message} Request id: {request_id}.'
    return error.message
