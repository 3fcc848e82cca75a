"""What a token names by a digest, since it is too long for it: fetched by every service at first use, and kept, since it never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from common.errors import Forbidden, NotFound, Unauthorized

T = TypeVar('T')


class ByDigest(Generic[T]):
    """Things by digest. Bounded: those that were not asked for the longest go first.

    :param noun: what messages call one of them
    :param fetch: given a digest, gives the thing; raises NotFound or Forbidden where there is none
    :param most: how many are kept
    """

    def __init__(self, noun: str, fetch: Callable[[str], T], most: int = 1024) -> None:
        self._noun, self._fetch, self._most = noun, fetch, most
        self._known: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, digest: str) -> T:
        """The thing. Raises Unauthorized where nobody knows it, Unavailable where it cannot be learnt now."""
        with self._lock:
            found = self._known.get(digest)
            if found is not None:
                self._known.move_to_end(digest)
                return found
        try:
            found = self._fetch(digest)
        except (NotFound, Forbidden) as error:
            raise Unauthorized(admin_detail=f'identity does not tell the {self._noun} {digest}') from error
        with self._lock:
            self._known[digest] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found
