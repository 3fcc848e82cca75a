"""Access rules: the only requests that a token of some application credentials is good for.

A token names its rules by a digest. Every service fetches the rules behind a digest once, since they can never change, and
checks requests against them by itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common.errors import Unauthorized
from common.tokens.by_digest import ByDigest

_PIECES = re.compile(r'(?P<rest>\*\*)|(?P<segment>\*|\{[^{}/]*\})|(?P<text>[^*{]+|\{)')
# What a service is called in rules: its type in the catalog, of today and of old. API -> types.
_TYPES = {'volume': ('block-storage', 'volumev3', 'volumev2', 'volume', 'block-store')}
_SEGMENT, _REST = 1, 2


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class AccessRule:
    """One kind of request that is allowed: type of the service, HTTP method, and pattern of the path.

    In the path `*` or `{name}` stands for text without `/`, at least one character; `**` for any text.
    """

    service: str
    method: str
    path: str


def digest_of(rules: Iterable[AccessRule]) -> str:
    """The name of a set of rules: 32 hex digits, the same in whatever order they are."""
    text = json.dumps(sorted([rule.service, rule.method, rule.path] for rule in rules))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class PathPattern:
    """The path of a rule, ready for matching. Time grows with pattern times path, whatever the pattern: users write them."""

    __slots__ = ('_pieces',)

    def __init__(self, pattern: str) -> None:
        kinds = {'rest': _REST, 'segment': _SEGMENT}
        self._pieces = [kinds.get(found.lastgroup or '', found.group()) for found in _PIECES.finditer(_plain(pattern))]

    def matches(self, path: str) -> bool:
        """Whether the whole path fits. A slash at the end counts for nothing, as in routing."""
        path = _plain(path)
        reached = {0}
        for piece in self._pieces:
            if isinstance(piece, str):
                reached = {at + len(piece) for at in reached if path.startswith(piece, at)}
            elif piece == _REST:
                reached = set(range(min(reached), len(path) + 1))
            else:
                reached = _within_segments(path, reached)
            if not reached:
                return False
        return len(path) in reached


def _plain(path: str) -> str:
    return '/' + path.strip('/')


def _within_segments(path: str, starts: set[int]) -> set[int]:
    """Where text without `/`, of one character or more, can end that begins at one of the starts."""
    ends, inside = set(), False
    for at, character in enumerate(path):
        inside = (inside or at in starts) and character != '/'
        if inside:
            ends.add(at + 1)
    return ends


class RuleBook(ByDigest[dict[tuple[str, str], list[PathPattern]]]):
    """Rules by digest.

    :param fetch: given a digest, gives the rules as mappings with `service`, `method`, `path`; raises NotFound when there are none
    :param most: how many sets of rules are kept
    """

    def __init__(self, fetch: Callable[[str], Iterable[Mapping[str, Any]]], most: int = 1024) -> None:
        def by_request(digest: str) -> dict[tuple[str, str], list[PathPattern]]:
            rules: dict[tuple[str, str], list[PathPattern]] = {}
            for rule in fetch(digest):
                rules.setdefault((rule['service'], rule['method']), []).append(PathPattern(rule['path']))
            return rules

        super().__init__('access rules', by_request, most)

    def check(self, digest: str, api: str, method: str, path: str) -> None:
        """Raises Unauthorized unless a rule allows the request, Unavailable when the rules cannot be learnt.

        :param api: name of the API that was asked (`volume`)
        :param path: of the request, decoded
        """
        rules = self(digest)
        for service_type in _TYPES.get(api, (api,)):
            if any(pattern.matches(path) for pattern in rules.get((service_type, method), ())):
                return
        raise Unauthorized(
            'The access rules of the application credential do not allow this request.', admin_detail=f'{method} {path} of {api}'
        )
