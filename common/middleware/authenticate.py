"""Who asks: the token's claims become the request's context, without asking anybody.

A missing or bad token does not end the request here: some routes need none, so the kernel decides after it has found
the route.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.api.routing import path_of
from common.context import Context
from common.errors import PileusError, Unauthorized
from common.middleware.live import Verifier, objects_of

_LONGEST_TOKEN = 8192
# Every token may be looked at, whatever its access rules: that is how clients learn what it is.
_ALWAYS_ALLOWED = ('identity', 'GET', '/v3/auth/tokens')


class Authenticate:
    """WSGI middleware. Leaves `pileus.context`, `pileus.service_context`, `pileus.refusal`, `pileus.challenge` in the environ.

    :param api: name of the API behind, as access rules are checked for it
    """

    def __init__(self, app: Any, verifier: Verifier, auth_url: str = '', api: str = '') -> None:
        self._app = app
        self._verifier = verifier
        self._api = api
        self._challenge = f'Keystone uri="{auth_url}"' if auth_url else 'Keystone'

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ['pileus.challenge'] = self._challenge
        if 'HTTP_X_SERVICE_TOKEN' in environ:
            environ['pileus.service_context'] = self._service(environ)
        if 'pileus.refusal' not in environ:
            environ['pileus.context'] = self._context(environ, environ.get('HTTP_X_AUTH_TOKEN'))
        return self._app(environ, start_response)

    def _context(self, environ: dict[str, Any], token: str | None) -> Context:
        request_id = environ.get('pileus.request_id')
        address = environ.get('REMOTE_ADDR')
        deadline = deadline_of(environ)
        if token:
            try:
                claims = self._claims(token, late=environ.get('pileus.service_context') is not None)
                # What a service does on the user's behalf follows from a request that the rules allowed.
                if claims.access_rules_digest and not environ.get('pileus.service_context'):
                    self._check_access_rules(claims.access_rules_digest, environ)
            except PileusError as error:
                environ['pileus.refusal'] = error
            else:
                return claims.context(request_id, environ.get('pileus.global_request_id'), remote_address=address, deadline=deadline)
        chain = environ.get('pileus.global_request_id') or request_id
        named = {'global_request_id': chain} if chain else {}
        return Context.anonymous(request_id, remote_address=address, deadline=deadline, **named)

    def _claims(self, token: str, *, late: bool = False) -> Any:
        if len(token) > _LONGEST_TOKEN:
            raise Unauthorized(admin_detail='the token is too long')
        return self._verifier.verify_late(token) if late else self._verifier.verify(token)

    def _check_access_rules(self, digest: str, environ: dict[str, Any]) -> None:
        """Raises Unauthorized unless the rules of the token allow this request."""
        rules = getattr(self._verifier, 'access_rules', None)
        if rules is None:
            raise Unauthorized(admin_detail='the token is bound to access rules, which this service does not know')
        method, path = environ['REQUEST_METHOD'], path_of(environ)
        if (self._api, method, path.rstrip('/')) != _ALWAYS_ALLOWED:
            rules.check(digest, self._api, method, path)

    def _service(self, environ: dict[str, Any]) -> Context | None:
        """The service behind the second token, if it holds the service role."""
        try:
            claims = self._claims(environ['HTTP_X_SERVICE_TOKEN'])
            if claims.access_rules_digest:
                raise Unauthorized(admin_detail='a token with access rules is none of a service')
        except PileusError as error:
            environ['pileus.refusal'] = error
            environ['pileus.context'] = Context.anonymous(environ.get('pileus.request_id'))
            return None
        found: Context = claims.context(environ.get('pileus.request_id'), environ.get('pileus.global_request_id'))
        return found if found.is_service else None


def deadline_of(environ: dict[str, Any]) -> float | None:
    """When the caller stops waiting, in seconds since the epoch, from `X-Pileus-Deadline` (seconds left)."""
    text = environ.get('HTTP_X_PILEUS_DEADLINE')
    if not text:
        return None
    try:
        left = float(text)
    except ValueError:
        return None
    return clock.timestamp() + left if 0 <= left <= 86400 else None


def filter_factory(global_conf: Mapping[str, str], **local: str) -> Callable[[Any], Authenticate]:
    """For PasteDeploy; `auth_url` replaces the one of the runtime in the challenge of a 401."""
    objects = objects_of(global_conf)
    return lambda app: Authenticate(app, objects.verifier, local.get('auth_url') or objects.auth_url, objects.service)
