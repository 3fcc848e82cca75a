"""Tokens that only identity can read: other services show them to identity, once each."""

from __future__ import annotations

import base64
import binascii
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from common import clock
from common.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from common.tokens.claims import Claims, unpack

OPAQUE_PREFIX = 'po1.'
_REFUSED_FOR = 30.0  # seconds that identity is not asked again about a text it does not know
_REFUSED_AT_MOST = 2048


class AskIdentity:
    """Claims of opaque tokens, from identity. The verifier remembers them; here only refusals are, for a moment.

    :param fetch: given a token, returns the body of `GET /v3/pileus/token-claims`; raises NotFound for what is no token
    """

    def __init__(self, fetch: Callable[[str], dict[str, Any]]) -> None:
        self._fetch = fetch
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, token: str) -> Claims:
        """The claims. Raises Unauthorized for anything that identity does not know, Unavailable when it does not answer."""
        with self._lock:
            if self._refused.get(token, 0.0) > clock.monotonic():
                raise Unauthorized(admin_detail='identity has refused this token before')
        try:
            body = self._fetch(token)
            return unpack(base64.b64decode(body['claims'], validate=True))
        except (NotFound, InvalidInput) as error:
            with self._lock:
                self._refused[token] = clock.monotonic() + _REFUSED_FOR
                while len(self._refused) > _REFUSED_AT_MOST:
                    self._refused.popitem(last=False)
            raise Unauthorized(admin_detail='identity does not know the token') from error
        except Forbidden as error:
            raise Unauthorized(admin_detail='identity does not let this service ask about tokens') from error
        except (KeyError, binascii.Error) as error:
            raise Unauthorized(admin_detail='identity gave no claims') from error
