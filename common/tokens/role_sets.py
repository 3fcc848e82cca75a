"""Sets of roles that are too large for a token: it names them by a digest, behind which every service looks once, since it can never change."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from common.errors import Forbidden, NotFound, Unauthorized


def digest_of(names: Iterable[str]) -> str:
    """The name of a set of roles: 32 hex digits, the same in whatever order they are."""
    return hashlib.sha256(json.dumps(sorted(set(names))).encode()).hexdigest()[:32]


class RoleSets:
    """Roles by digest, fetched on first use and kept.

    :param fetch: given a digest, gives the names; raises NotFound when there is no such set
    :param most: how many sets are kept
    """

    def __init__(self, fetch: Callable[[str], Iterable[str]], most: int = 1024) -> None:
        self._fetch = fetch
        self._most = most
        self._known: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, digest: str) -> frozenset[str]:
        """The names of the roles. Raises Unauthorized where nobody knows the set, Unavailable when it cannot be learnt now."""
        with self._lock:
            found = self._known.get(digest)
            if found is not None:
                self._known.move_to_end(digest)
                return found
        try:
            found = frozenset(self._fetch(digest))
        except (NotFound, Forbidden) as error:
            raise Unauthorized(admin_detail=f'identity does not tell the set of roles {digest}') from error
        if digest_of(found) != digest:
            raise Unauthorized(admin_detail=f'the set of roles {digest} is another one')
        with self._lock:
            self._known[digest] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found
