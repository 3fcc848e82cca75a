"""Paging links, in each service's own style."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.api.paging import Page

if TYPE_CHECKING:
    from common.api.call import Call

Query = list[tuple[str, str]]


def page_links(call: Call, items: list[dict[str, Any]], page: Page, key: str, more: bool | None) -> dict[str, Any]:
    """Keys that stand next to the list. `more`: whether there is a next page; None: there is one if this one is full."""
    full = page.limit is not None and page.limit > 0 and len(items) >= page.limit
    has_next = full if more is None else more and bool(items)
    return _STYLES[call.app.dialect.links](call, items, page, key, has_next)


def _query(call: Call, drop: tuple[str, ...] = ('marker', 'offset')) -> Query:
    pairs = urllib.parse.parse_qsl(call.environ.get('QUERY_STRING', ''), keep_blank_values=True)
    return [(name, value) for name, value in pairs if name not in drop]


def _path(call: Call) -> str:
    return urllib.parse.quote(call.environ.get('PATH_INFO', '/').encode('latin-1'))


def _address(call: Call, query: Query) -> str:
    path = call.url(_path(call))
    return f'{path}?{urllib.parse.urlencode(query)}' if query else path


def _list_links(call: Call, items: list[dict[str, Any]], page: Page, key: str, has_next: bool) -> dict[str, Any]:
    """nova, cinder, neutron: `servers_links: [{'rel': 'next', 'href': ...}]`."""
    links = []
    plural = call.route.collection or call.resource.plural
    if call.app.dialect.service == 'network':
        return _neutron_links(call, items, page, key, has_next, plural)
    if has_next:
        links.append({'rel': 'next', 'href': _address(call, [*_query(call), ('marker', str(items[-1][key]))])})
    return {f'{plural}_links': links} if links else {}


def _neutron_links(call: Call, items: list[dict[str, Any]], page: Page, key: str, has_next: bool, plural: str) -> dict[str, Any]:
    """Both ways, with `page_reverse` on the way back; a reversed page is full at its start."""
    if page.limit is None or not items:
        return {}
    base = _query(call, ('marker', 'page_reverse'))
    links = []
    if page.reverse or has_next:
        links.append({'rel': 'next', 'href': _address(call, [*base, ('marker', str(items[-1][key]))])})
    if page.marker and (not page.reverse or has_next):
        links.append({'rel': 'previous', 'href': _address(call, [*base, ('marker', str(items[0][key])), ('page_reverse', 'True')])})
    return {f'{plural}_links': links} if links else {}


def _glance(call: Call, items: list[dict[str, Any]], page: Page, key: str, has_next: bool) -> dict[str, Any]:
    """Paths without host: `first` always, `next` if there is one."""
    path, query = _path(call), _query(call)
    first = f'{path}?{urllib.parse.urlencode(query)}' if query else path
    found = {'first': first}
    if has_next:
        found['next'] = f'{path}?{urllib.parse.urlencode([*query, ("marker", str(items[-1][key]))])}'
    return found


def _keystone(call: Call, items: list[dict[str, Any]], page: Page, key: str, has_next: bool) -> dict[str, Any]:
    """`links: {next, self, previous}`."""
    return keystone_links(call, _address(call, [*_query(call), ('marker', str(items[-1][key]))]) if has_next else None)


def keystone_links(call: Call, following: str | None = None) -> dict[str, Any]:
    """The links every list of identity carries."""
    return {'links': {'next': following, 'self': _address(call, _query(call, ())), 'previous': None}}


_STYLES: dict[str, Callable[..., dict[str, Any]]] = {'list_links': _list_links, 'glance': _glance, 'keystone': _keystone}
