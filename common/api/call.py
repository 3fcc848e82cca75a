"""What a handler gets and what it may give back."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from common.api.body import read_piece
from common.api.paging import Page, page_of
from common.api.versions import Version
from common.context import Context
from common.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import webob

    from common.api.application import Application
    from common.api.plan import Plan
    from common.api.resource import Resource, Route

_CHUNK = 65536


class Call:
    """One request, matched, authenticated, allowed and checked.

    ctx: who asks. params: of the path. body: the checked body, out of its member key (a list for a bulk create). query:
    the checked query. filters: those parts of it that the resource declares as filters. beside: keys next to the member
    key. version: microversion or None. service: the service's own object. action: the key of an action's body.
    """

    __slots__ = (
        'app', 'environ', 'ctx', 'route', 'resource', 'plan', 'params', 'body', 'query', 'filters', 'beside', 'version', 'service',
        'action', 'is_bulk', 'decided', 'fields', 'ok', '__dict__',
    )  # fmt: skip

    def __init__(self, app: Application, environ: dict[str, Any], ctx: Context) -> None:
        self.app = app
        self.environ = environ
        self.ctx = ctx
        self.service: Any = app.instance
        self.route: Route
        self.resource: Resource
        self.plan: Plan
        self.params: dict[str, str] = {}
        self.body: Any = None
        self.query: dict[str, Any] = {}
        self.filters: dict[str, Any] = {}
        self.beside: dict[str, Any] = {}
        self.version: Version | None = None
        self.action: str | None = None
        self.is_bulk = False
        self.decided = False
        self.fields: tuple[str, ...] = ()
        self.ok = 200

    # -- authorisation ------------------------------------------------------------------------------------------------

    def authorize(self, policy: str, target: Any = None) -> None:
        """Ask a rule about a loaded record (a mapping or the record itself). Raises Forbidden.

        For a thing of another project, that the caller has no business to know of, use `must_see`.
        """
        self.decided = True
        self.app.policy.authorize(self.ctx, policy, target)

    def allowed(self, policy: str, target: Any = None) -> bool:
        """Whether a rule holds; never raises."""
        self.decided = True
        return self.app.policy.check(self.ctx, policy, target)

    def must_see(self, policy: str, target: Any, noun: str, identifier: str) -> None:
        """As `authorize`, but what the caller may not see does not exist: raises NotFound."""
        if not self.allowed(policy, target):
            raise NotFound(noun, identifier)

    # -- the request --------------------------------------------------------------------------------------------------

    @functools.cached_property
    def request(self) -> webob.Request:
        """The request as webob sees it."""
        import webob

        return webob.Request(self.environ)

    def header(self, name: str) -> str | None:
        """A header of the request."""
        key = name.upper().replace('-', '_')
        return self.environ.get(key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else f'HTTP_{key}')

    @property
    def token(self) -> str | None:
        """The caller's token, to act in their name at another service."""
        return self.environ.get('HTTP_X_AUTH_TOKEN')

    @property
    def service_ctx(self) -> Context | None:
        """The service that calls on the user's behalf (`X-Service-Token`), or None."""
        return self.environ.get('pileus.service_context')

    @property
    def content_length(self) -> int | None:
        """Length of the body in bytes, None where it is not announced (chunked)."""
        text = self.environ.get('CONTENT_LENGTH')
        return int(text) if text else None

    def chunks(self, size: int = _CHUNK) -> Iterator[bytes]:
        """The body of a `stream` route, piece by piece. Raises InvalidInput where it ends before the announced length."""
        source, left = self.environ['wsgi.input'], self.content_length
        while left is None or left > 0:
            piece = read_piece(source, size if left is None else min(size, left))
            if not piece:
                break
            if left is not None:
                left -= len(piece)
            yield piece
        if left:
            raise InvalidInput(f'The body ended {left} bytes before its announced length.')

    @property
    def if_match(self) -> str | None:
        """The `If-Match` header without quotes; neutron's clients write `revision_number=3` there."""
        text = self.environ.get('HTTP_IF_MATCH')
        return text.strip().strip('"') if text else None

    @property
    def if_revision(self) -> int | None:
        """The revision the client expects (`If-Match: revision_number=3`), or None. Raises InvalidInput."""
        text = self.if_match
        if text is None:
            return None
        name, _, number = text.partition('=')
        if name.strip() != 'revision_number' or not number.strip().isdigit():
            raise InvalidInput('If-Match must be of the form revision_number=NUMBER.', field='If-Match')
        return int(number)

    @functools.cached_property
    def base_url(self) -> str:
        """Address of the service as the client reached it (or as configured), without a slash at the end."""
        return self.app.base_url(self.environ)

    def url(self, path: str) -> str:
        """Absolute address of a path of this service, for links."""
        return self.base_url + path

    # -- lists --------------------------------------------------------------------------------------------------------

    def paging(self, default_sort: str | Iterable[tuple[str, str]] = 'created_at:desc', max_limit: int | None = None) -> Page:
        """Limit, marker and order that the request asks for. `default_sort`: `'name:asc,id:asc'` or pairs."""
        return page_of(self, default_sort, max_limit)

    def page_links(self, items: list[dict[str, Any]], page: Page, key: str = 'id', more: bool | None = None) -> dict[str, Any]:
        """Keys to put next to the list for paging, in the service's own style. `key`: what of an item is the marker."""
        from common.api.links import page_links

        return page_links(self, items, page, key, more)

    def paged(self, items: list[dict[str, Any]], page: Page, key: str = 'id', more: bool | None = None) -> Reply:
        """The list as an answer, with its paging links."""
        return Reply(items, extra=self.page_links(items, page, key, more))


class Reply:
    """An answer that is more than a view.

    body: a view as handlers return it otherwise. extra: keys that stand next to a wrapped view. status: instead of the
    route's. raw: bytes as they are (with `content_type`). app_iter: bytes in pieces. wrap: False to leave a view as it is.
    """

    __slots__ = ('body', 'status', 'headers', 'app_iter', 'raw', 'extra', 'content_type', 'wrap', 'etag')

    def __init__(
        self,
        body: Any = None,
        status: int | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        app_iter: Iterable[bytes] | None = None,
        raw: bytes | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        content_type: str | None = None,
        wrap: bool | None = None,
        etag: str | None = None,
    ) -> None:
        self.body = body
        self.status = status
        self.headers = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        self.app_iter = app_iter
        self.raw = raw
        self.extra = extra
        self.content_type = content_type
        self.wrap = wrap
        self.etag = etag
