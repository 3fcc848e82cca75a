"""The objects that filters and applications of a pipeline work with.

PasteDeploy can hand over text only; so the runtime registers the objects of each API under a key, and writes that key
into the pipeline's `global_conf` as `runtime`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Verifier(Protocol):
    """Checks tokens; `common.tokens.TokenVerifier`."""

    def verify(self, token: str) -> Any:
        """The claims of a token. Raises Unauthorized or Unavailable."""

    def verify_late(self, token: str) -> Any:
        """As `verify`, for a token with which a service goes on: it may have ended a while ago."""


class LiveObjects(Protocol):
    """What the runtime registers for an API.

    service: its name ('network'). application: the WSGI application at the end of the pipeline. verifier: of tokens.
    auth_url: where clients get tokens, for the challenge of a 401. metrics: `common.metrics.Metrics`. checks: name ->
    function that returns None when all is well, else the problem in words for the operator.
    """

    service: str
    application: Any
    verifier: Verifier | None
    auth_url: str
    metrics: Any
    checks: Mapping[str, Callable[[], str | None]]


def objects_of(global_conf: Mapping[str, str]) -> Any:
    """The objects that the runtime registered for this pipeline. Raises ValueError where it did not."""
    from common.runtime import REGISTRY

    key = global_conf.get('runtime')
    if key is None or key not in REGISTRY:
        raise ValueError(f'The pipeline was not loaded by the runtime: nothing is registered as {key!r}')
    return REGISTRY[key]


def number(text: str, name: str, smallest: float = 0) -> float:
    """A number from a pipeline's file. Raises ValueError that names the option."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f'{name} must be a number, not {text!r}') from None
    if value < smallest:
        raise ValueError(f'{name} must be at least {smallest:g}, not {text}')
    return value


def is_on(text: str) -> bool:
    """A switch from a pipeline's file."""
    return text.strip().lower() in ('1', 'true', 'yes', 'on')


def app_factory(global_conf: Mapping[str, str], **local: str) -> Any:
    """The application at the end of the pipeline, as the runtime made it (`paste.app_factory = common.middleware.live:app_factory`)."""
    return objects_of(global_conf).application
