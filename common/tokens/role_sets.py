"""Sets of roles that are too large for a token: it names them by a digest, behind which every service looks once, since it can never change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable

from common.errors import Unauthorized
from common.tokens.by_digest import ByDigest


def digest_of(names: Iterable[str]) -> str:
    """The name of a set of roles: 32 hex digits, the same in whatever order they are."""
    return hashlib.sha256(json.dumps(sorted(set(names))).encode()).hexdigest()[:32]


class RoleSets(ByDigest[frozenset[str]]):
    """Roles by digest.

    :param fetch: given a digest, gives the names; raises NotFound when there is no such set
    :param most: how many sets are kept
    """

    def __init__(self, fetch: Callable[[str], Iterable[str]], most: int = 1024) -> None:
        def checked(digest: str) -> frozenset[str]:
            found = frozenset(fetch(digest))
            if digest_of(found) != digest:
                raise Unauthorized(admin_detail=f'the set of roles {digest} is another one')
            return found

        super().__init__('set of roles', checked, most)
