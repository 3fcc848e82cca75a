"""Finding the route of a request.

The routes are declared to a Routes mapper; from it a tree over path segments is built, since the mapper tries one regular
expression after another and cannot tell a wrong method from a wrong path. A parameter is a whole segment; `{rest:.*}` at
the end takes all that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from routes import Mapper

from common.api.resource import Resource, Route
from common.api.versions import Version, exists_in
from common.errors import InvalidInput, MethodNotAllowed, RouteNotFound

_PROJECT = re.compile(r'(/v[0-9.]+)/\{project\}(?=/|$)')
_MAX_PATH = 4096


class Bound:
    """A route together with the resource it belongs to and its range of versions."""

    __slots__ = ('route', 'resource', 'since', 'until', 'plans', 'of_project')

    def __init__(self, route: Route, resource: Resource) -> None:
        self.route = route
        self.resource = resource
        self.since = Version.parse(route.since) if route.since else None
        self.until = Version.parse(route.until) if route.until else None
        self.plans: dict[int, Any] = {}
        self.of_project = _PROJECT.match(route.path) is not None

    def exists_in(self, version: Version | None) -> bool:
        """Whether the route is there at a microversion."""
        return exists_in(self, version)


class _Node:
    __slots__ = ('children', 'parameter', 'rest', 'methods')

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.rest: _Node | None = None
        self.methods: dict[str, list[tuple[Bound, tuple[str, ...]]]] = {}


class Router:
    """All routes of a service. `empty_id_is_unknown`: see `common.api.dialects.Dialect`."""

    def __init__(self, resources: Iterable[Resource], *, empty_id_is_unknown: bool = False) -> None:
        self._empty_id_is_unknown = empty_id_is_unknown
        self.mapper = Mapper(explicit=True)
        self.mapper.minimization = False
        self.bound: list[Bound] = []
        self._root = _Node()
        for resource in resources:
            for route in resource.routes:
                bound = Bound(route, resource)
                self.bound.append(bound)
                for path in self._spellings(route.path):
                    self._connect(bound, path)

    @staticmethod
    def _spellings(path: str) -> list[str]:
        """A path with `{project}` behind the version may be written without it."""
        without = without_project(path)
        return [path] if without == path else [path, without]

    def _connect(self, bound: Bound, path: str) -> None:
        self.mapper.connect(path, bound=len(self.bound) - 1, conditions={'method': [bound.route.method]})
        parsed = self.mapper.matchlist[-1]
        node = self._root
        names: list[str] = []
        text = ''.join(f'\0{piece["name"]}\1' if isinstance(piece, dict) else piece for piece in parsed.routelist)
        for segment in text.strip('/').split('/'):
            if segment.startswith('\0') and segment.endswith('\1') and segment.count('\0') == 1:
                names.append(segment[1:-1])
                kind = 'rest' if parsed.reqs.get(names[-1]) == '.*' else 'parameter'
                below = getattr(node, kind) or _Node()
                setattr(node, kind, below)
                node = below
            elif '\0' in segment:
                raise ValueError(f'{path}: a parameter must be a whole segment')
            else:
                node = node.children.setdefault(segment, _Node())
        node.methods.setdefault(bound.route.method, []).append((bound, tuple(names)))

    def match(self, method: str, path: str, version: Version | None) -> tuple[Bound, dict[str, str]]:
        """The route and the path's parameters. Raises RouteNotFound or MethodNotAllowed (with Allow)."""
        segments = path.strip('/').split('/')
        if self._empty_id_is_unknown and len(segments) > 1 and path.endswith('/'):
            raise RouteNotFound(message='The resource could not be found: the path ends without an id.')
        allowed: set[str] = set()
        found = self._walk(self._root, segments, 0, (), method, version, allowed)
        if found is None and method == 'HEAD':
            found = self._walk(self._root, segments, 0, (), 'GET', version, set())
        if found is not None:
            return found
        if allowed and not path.endswith('/'):  # behind a slash an id was meant, and an empty one is nobody's
            if 'GET' in allowed:
                allowed.add('HEAD')
            text = ', '.join(sorted(allowed))
            raise MethodNotAllowed(f'The method {method[:20]} is not allowed for this resource; allowed: {text}.', headers={'Allow': text})
        raise RouteNotFound(message=f'The resource could not be found: there is nothing at {path[:120]} in this API.')

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: tuple[str, ...], method: str, version: Version | None, allowed: set[str]
    ) -> tuple[Bound, dict[str, str]] | None:
        if at == len(segments):
            for bound, names in node.methods.get(method, ()):
                if bound.exists_in(version):
                    return bound, dict(zip(names, values, strict=True))
            allowed.update(name for name, routes in node.methods.items() if any(bound.exists_in(version) for bound, _ in routes))
            return None
        segment, found = segments[at], None
        child = node.children.get(segment)
        if child is not None:
            found = self._walk(child, segments, at + 1, values, method, version, allowed)
        if found is None and node.parameter is not None and segment:
            found = self._walk(node.parameter, segments, at + 1, (*values, segment), method, version, allowed)
        if found is None and node.rest is not None:
            rest = '/'.join(segments[at:])
            found = self._walk(node.rest, segments, len(segments), (*values, rest), method, version, allowed)
        return found


def without_project(path: str) -> str:
    """The template without `{project}` behind the version."""
    return _PROJECT.sub(r'\1', path, count=1)


def path_of(environ: dict[str, Any]) -> str:
    """The path as text. Raises InvalidInput where it is not UTF-8, holds a null byte, or is absurdly long."""
    path = environ.get('PATH_INFO') or '/'
    if not path.isascii():
        try:
            path = path.encode('latin-1').decode('utf-8')
        except UnicodeError:
            raise InvalidInput('The path of the request is not valid UTF-8.') from None
    if '\0' in path:
        raise InvalidInput('The path of the request holds a null byte.')
    if len(path) > _MAX_PATH:
        raise InvalidInput(f'The path of the request is longer than {_MAX_PATH} characters.')
    return path
