"""A service's WSGI application: routes and rules folded at the start, faults in the service's own format."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common.api import dispatch, faults
from common.api.dialects import Dialect, dialect_of
from common.api.discovery import discovery_resource
from common.api.dispatch import Answer
from common.api.idempotency import IdempotencyStore, once
from common.api.openapi import document_resource
from common.api.plan import epochs_of
from common.api.resource import Resource
from common.api.routing import Router
from common.api.statuses import status_line
from common.api.versions import Version, VersionSpec
from common.errors import PileusError
from common.ids import new_request_id
from common.log import bound
from common.policy import Policy, Rule

LOG = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
StartResponse = Callable[..., Any]


class Application:
    """The API of one service.

    service: its name. resources: what it offers. policies: rule defaults beside those declared in routes and resources.
    versions: its microversions, if it has any. instance: the service's own object, handlers see it as `call.service`.
    policy: the compiled rules, if they are made elsewhere; else `policy_overrides` names the operator's file.
    public_url: how clients reach the service, None: as each request says. versioned_prefixes: paths where microversions
    apply. max_limit: longest page. max_body: bytes of a JSON body. idempotency: where `Idempotency-Key` answers are kept.
    """

    def __init__(
        self,
        service: str,
        resources: Iterable[Resource],
        *,
        policies: Iterable[Rule] = (),
        versions: VersionSpec | None = None,
        faults: Callable[..., tuple[int, list[tuple[str, str]], bytes]] | None = None,
        instance: Any = None,
        policy: Policy | None = None,
        policy_overrides: str | None = None,
        public_url: str | None = None,
        dialect: Dialect | None = None,
        max_limit: int | None = None,
        max_body: int = MAX_BODY,
        idempotency: IdempotencyStore | None = None,
        title: str | None = None,
    ) -> None:
        self.service = service
        self.title = title or f'Pileus {service}'
        self.dialect = dialect or dialect_of(service)
        self.resources = [*resources, document_resource()]
        discovery = discovery_resource(service, self.resources)
        if discovery is not None:
            self.resources.append(discovery)
        self.versions = versions
        self.instance = instance
        self.public_url = public_url.rstrip('/') if public_url else None
        self.max_limit = max_limit or self.dialect.max_limit
        self.max_body = max_body
        self.idempotency = idempotency
        self.router = Router(self.resources, empty_id_is_unknown=self.dialect.empty_id_is_unknown)
        self.epochs = {id(resource): epochs_of(resource) for resource in self.resources}
        rules = [*policies, *(rule for r in self.resources for rule in (*r.rules, *(x for route in r.routes for x in route.rules)))]
        self.policy = policy or Policy(rules, policy_overrides)
        self._format = faults or _format_of(service)
        self._check_declarations()

    def bind(self, instance: Any) -> Application:
        """Give the service's own object, where it is made after the application."""
        self.instance = instance
        return self

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request, the WSGI way."""
        with bound(environ.get('pileus.context'), service=self.service):
            answer = self._answer(environ)
        if self.versions is not None and 'pileus.version' in environ:
            answer.headers.extend(self.versions.headers(environ['pileus.version']))
        start_response(status_line(answer.status), answer.headers)
        if environ['REQUEST_METHOD'] == 'HEAD':
            close = getattr(answer.pieces, 'close', None)
            if close is not None:
                close()
            return ()
        return answer.pieces

    def _answer(self, environ: dict[str, Any]) -> Answer:
        try:
            return dispatch.handle(self, environ)
        except PileusError as error:
            return self._fault(environ, error)
        except Exception:
            LOG.exception('request %s failed: %s %s', _request_id(environ), environ.get('REQUEST_METHOD'), environ.get('PATH_INFO'))
            return self._fault(environ, PileusError())

    def version_of(self, environ: dict[str, Any], path: str) -> Version | None:
        """The microversion of a request; remembered in the environ for the answer's headers. Discovery has none."""
        if self.versions is None or path.rfind('/', 0, -1) < 1:
            return None
        environ['pileus.version'] = None
        version = environ['pileus.version'] = self.versions.of_request(environ)
        return version

    def base_url(self, environ: Mapping[str, Any]) -> str:
        """Address of the service without a slash at the end."""
        if self.public_url:
            return self.public_url
        host = environ.get('HTTP_HOST') or f'{environ.get("SERVER_NAME")}:{environ.get("SERVER_PORT")}'
        return f'{environ.get("wsgi.url_scheme", "http")}://{host}{environ.get("SCRIPT_NAME", "")}'

    def once(self, call: Any, handler: Callable[..., Any]) -> Any:
        """Run the handler; for a repeated `Idempotency-Key`, give the first answer again instead."""
        if self.idempotency is not None and call.environ['REQUEST_METHOD'] == 'POST' and 'HTTP_IDEMPOTENCY_KEY' in call.environ:
            return once(self.idempotency, call, handler)
        return handler(call)

    def fault(self, environ: dict[str, Any], error: PileusError) -> Answer:
        """An error in the service's own format; middleware uses it too."""
        return self._fault(environ, error)

    def _fault(self, environ: dict[str, Any], error: PileusError) -> Answer:
        status, headers, body = self._format(error, _request_id(environ), environ.get('HTTP_ACCEPT', ''))
        if error.status >= 500:
            LOG.error('request %s: %s (%s)', _request_id(environ), error.message, error.admin_detail or error.code)
        elif error.admin_detail:
            LOG.info('request %s: %s (%s)', _request_id(environ), error.message, error.admin_detail)
        if status == 401 and 'pileus.challenge' in environ:
            headers.append(('WWW-Authenticate', environ['pileus.challenge']))
        return Answer(status, headers, (body,))

    def _check_declarations(self) -> None:
        """A route that names a rule nobody declared would be denied for ever: refuse to start instead."""
        for found in self.router.bound:
            field_rules = {rule for f in found.resource.fields for rule in (f.write_policy, f.read_policy) if rule}
            for name in (*found.route.policy_names, *field_rules):
                if self.policy.text_of(name) is None:
                    raise ValueError(f'{found.route.method} {found.route.path} asks the rule {name}, which is not declared')


def _format_of(service: str) -> Callable[..., tuple[int, list[tuple[str, str]], bytes]]:
    return faults.formatter(service)


def _request_id(environ: dict[str, Any]) -> str:
    found = environ.get('pileus.request_id')
    if found is None:
        found = environ['pileus.request_id'] = new_request_id()
    return str(found)
