"""The composition root: from settings to a running process, in either deployment.

Every service has `<service>/app.py` with `build(runtime) -> ServiceParts`. The runtime hands it what it needs (database,
broker, REST clients, options) and runs the parts that this process was asked for. Where everything runs in one process,
services share one token verifier and reach each other's APIs without a socket; that is decided here and nowhere else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import importlib
import importlib.util
import logging
import pathlib
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common import own_files
from common.config import AuthOptions, ConfigError, DatabaseOptions, EndpointOptions, MessagingOptions, ServiceOptions, Settings
from common.errors import Unavailable

if TYPE_CHECKING:
    import socket

    from common.context import Context
    from common.db import Database
    from common.messaging import Broker
    from common.rest import RestClient, Transport
    from common.service.wsgi import HttpServer
    from common.tokens import TokenVerifier

LOG = logging.getLogger(__name__)
REGISTRY: dict[str, Any] = {}
"""Live objects of the pipelines of this process, by the key that stands in their `global_conf`."""
SERVICES = ('identity', 'scheduler', 'image', 'volume', 'network', 'compute', 'metadata')
_NEEDED_WHILE_RUNNING = (
    'common.messaging', 'common.db', 'common.rest', 'common.service.wsgi', 'common.tokens', 'common.api', 'paste.deploy', 'requests',
    'keystoneauth1.session', 'kombu.common', 'kombu.messaging', 'kombu.resource', 'kombu.transport.pyamqp', 'encodings.unicode_escape',
)  # fmt: skip


@dataclasses.dataclass
class ApiPart:
    """One API: `paste` is the pipeline's file below `etc/`, `port` 0 takes the one of its endpoint."""

    name: str
    application: Callable[[], Any]
    port: int = 0
    paste: str = ''


@dataclasses.dataclass
class WorkerPart:
    """Something that runs beside the APIs: `conductor`, `worker` or `agent`. `stop` gets the seconds it may take."""

    name: str
    start: Callable[[], Any]
    stop: Callable[[float], Any]


@dataclasses.dataclass
class ServiceParts:
    """A service, built. `prepare` brings a fresh or older database up to date and writes what every cloud has."""

    name: str
    service: Any
    apis: Sequence[ApiPart] = ()
    workers: Sequence[WorkerPart] = ()
    db: Database | None = None
    migrations: str = ''
    prepare: Callable[[], Any] | None = None
    checks: dict[str, Callable[[], str | None]] = dataclasses.field(default_factory=dict)
    request_events: Any = None


@dataclasses.dataclass
class LiveObjects:
    """What the filters of one pipeline work with; see `common.middleware.live`."""

    service: str
    application: Any
    verifier: Any
    auth_url: str
    metrics: Any
    checks: dict[str, Callable[[], str | None]]
    request_events: Any


class Runtime:
    """One process of the cloud.

    :param embedded: all services live in this process
    :param sockets: listening sockets by the name of the API, where somebody else has opened them
    """

    def __init__(self, settings: Settings, *, embedded: bool = True, sockets: Mapping[str, socket.socket] | None = None) -> None:
        from common.metrics import Metrics

        check_names()
        self.settings = settings
        self.embedded = embedded
        self.sockets = dict(sockets or {})
        self.options = settings.get(ServiceOptions)
        self.endpoints = settings.get(EndpointOptions)
        self.metrics = Metrics()
        self.host = self.options.host_name
        self.state = pathlib.Path(self.options.state_dir)
        self.etc = pathlib.Path(self.options.etc_dir) if self.options.etc_dir else own_files.etc()
        self.parts: dict[str, ServiceParts] = {}
        self._databases: dict[str, Database] = {}
        self._broker: Broker | None = None
        self._transport: Transport | None = None
        self._pipelines: dict[str, Any] = {}
        self._made_ahead: dict[str, Any] = {}
        self._follow_news: Callable[[], None] | None = None
        self._servers: list[HttpServer] = []
        self._running: list[WorkerPart] = []
        self._closing = contextlib.ExitStack()
        self.verifier: TokenVerifier | None = None

    # -- what services are handed

    def database(self, service: str) -> Database:
        """The database of a service."""
        from common.db import Database

        if service not in self._databases:
            self._databases[service] = Database(database_url(self.settings, service))
        return self._databases[service]

    def service(self, name: str) -> Any:
        """The object of a service that was built here ('network')."""
        return self.parts[name].service

    @property
    def broker(self) -> Broker:
        """This process's connection to the broker."""
        from common.messaging import Broker

        if self._broker is None:
            options = self.settings.get(MessagingOptions)
            self._broker = Broker(options.url, publish_timeout=options.publish_timeout)
        return self._broker

    @property
    def transport(self) -> Transport:
        """How other services' APIs are reached."""
        from common.rest import HttpTransport, InProcessTransport

        if self._transport is None:
            self._transport = InProcessTransport(self._pipelines.get, HttpTransport) if self.embedded else HttpTransport()
        return self._transport

    def rest(self, service: str, to: str, ctx: Context | None = None) -> RestClient:
        """A client of `service` for the API of `to` ('image'), signed in as the service's user."""
        from common.rest import RestClient

        return RestClient(self.transport, getattr(self.endpoints, to), self._token_of(service), to, ctx)

    def _token_of(self, service: str) -> Any:
        from common.rest.client import ServiceToken

        tokens: dict[str, ServiceToken] = self.__dict__.setdefault('_tokens', {})
        if service not in tokens:
            auth = self.settings.get(AuthOptions)
            tokens[service] = ServiceToken(self.transport, self.endpoints.identity, service, self.service_password(), auth.project)
        return tokens[service]

    def service_password(self) -> str:
        """The password of the service users. Raises ConfigError when there is none."""
        auth = self.settings.get(AuthOptions)
        if auth.password:
            return auth.password
        path = pathlib.Path(auth.password_file) if auth.password_file else self.state / 'run' / 'service-password'
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            raise ConfigError(f'[auth] password is not set and {path} does not exist.') from None

    def policy_file(self, service: str) -> str | None:
        """The operator's overrides of a service's rules, if there are any."""
        path = self.etc / service / 'policy.yaml'
        return str(path) if path.exists() else None

    def directory(self, *names: str) -> pathlib.Path:
        """A directory below the state folder, made if it is missing."""
        path = self.state.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    # -- building

    def build(self, services: Iterable[str]) -> None:
        """Make the services; nothing runs yet. Raises ConfigError for an option that nobody knows or that cannot be."""
        self.check(self.settings)
        for name in services:
            if name not in SERVICES:
                raise ConfigError(f'There is no service {name!r}; known: {", ".join(SERVICES)}.')
            if name not in self.parts:
                self.parts[name] = importlib.import_module(f'{name}.app').build(self)

    @staticmethod
    def check(settings: Settings) -> None:
        """Raise ConfigError for the first option that no service knows, or whose value cannot be."""
        for module in ('common.metadata_signature', *(f'{name}.conf' for name in SERVICES)):
            if importlib.util.find_spec(module) is not None:
                importlib.import_module(module)
        settings.check()

    @staticmethod
    def preload(services: Iterable[str]) -> None:
        """Import what these services need while running, before a fork that lets processes share it.

        A later import costs a process memory twice: for the module, and for a copy of each shared page that has a name of it.
        """
        for name in (*_NEEDED_WHILE_RUNNING, *(f'{service}.app' for service in services)):
            importlib.import_module(name)

    def warm(self) -> None:
        """Make the pipelines of the services built here, before a fork that lets processes share them."""
        from common.db import configure_mappers

        configure_mappers()
        for parts in self.parts.values():
            for api in parts.apis:
                self._made_ahead[_place(api)] = self._make_pipeline(parts, api)
            if parts.db is not None:
                parts.db.get_to_know()

    def prepare(self) -> None:
        """Bring the databases of the services built here up to date."""
        from common.db import migrate

        for parts in self.parts.values():
            if parts.db is not None and parts.migrations:
                migrate.make(parts.db, parts.migrations)
            if parts.prepare is not None:
                parts.prepare()

    def _make_verifier(self) -> TokenVerifier:
        """A verifier that gets keys and revocations from identity over the network."""
        from common.tokens import AskIdentity, PublishedKeys, RevocationFeed, Revocations, RoleSets, RuleBook, TokenVerifier
        from common.tokens.contract import TokenNews, TokenNewsListener

        revocations = Revocations()
        identity = self.rest(next(iter(self.parts)), 'identity')

        def follow_news() -> None:
            self.broker.serve(TokenNews, TokenNewsListener(revocations), host=f'{self.host}.{id(self):x}', workers=1)
            since = '/v3/pileus/revocations?since='
            feed = RevocationFeed(revocations, lambda latest: identity.get(f'{since}{latest}'), hears=lambda: self.broker.ping() is None)
            feed.start()
            self._closing.callback(feed.stop)

        self._follow_news = follow_news  # it needs threads, and so waits for a part to start

        claims = '/v3/pileus/token-claims'
        ask = AskIdentity(lambda token: identity.get(claims, headers={'X-Subject-Token': token}))
        late = AskIdentity(lambda token: identity.get(f'{claims}?allow_expired=1', headers={'X-Subject-Token': token}))
        rules = RuleBook(lambda digest: identity.get(f'/v3/pileus/access-rules/{digest}')['access_rules'])
        sets = RoleSets(lambda digest: identity.get(f'/v3/pileus/role-sets/{digest}')['roles'])
        keys = PublishedKeys(lambda: identity.get('/v3/pileus/token-keys'))
        return TokenVerifier(keys, revocations, opaque=ask, access_rules=rules, late=late, role_sets=sets)

    def pipeline(self, parts: ServiceParts, api: ApiPart) -> Any:
        """The WSGI pipeline of an API, with this process's objects in its filters; from here on it hears what is revoked."""
        made = self._made_ahead.get(_place(api)) or self._make_pipeline(parts, api)
        if self._follow_news is not None:
            self._follow_news()
            self._follow_news = None
        return made

    def _make_pipeline(self, parts: ServiceParts, api: ApiPart) -> Any:
        from paste.deploy import loadapp

        if self.verifier is None:
            self.verifier = self._make_verifier()
        key = f'{id(self)}.{api.name}'
        REGISTRY[key] = LiveObjects(
            api.name, api.application(), self.verifier, f'{self.endpoints.identity}/v3', self.metrics, parts.checks, parts.request_events
        )
        self._closing.callback(REGISTRY.pop, key, None)
        return loadapp(f'config:{self.etc / (api.paste or f"{api.name}/api-paste.ini")}', name='main', global_conf={'runtime': key})

    # -- running

    def start(self, wanted: Iterable[tuple[str, str]] | None = None, *, shared_port: bool = False) -> None:
        """Start parts, given as (service, part) with parts `api`, `conductor`, `worker`, `agent`; None: everything built."""
        chosen = None if wanted is None else set(wanted)
        pipelines = []
        for parts in self.parts.values():
            if chosen is None or (parts.name, 'api') in chosen:
                pipelines += [(api, self.pipeline(parts, api)) for api in parts.apis]
        for api, pipeline in pipelines:
            self._serve(api, pipeline, shared_port)
        for parts in self.parts.values():
            for worker in parts.workers:
                if chosen is None or (parts.name, worker.name) in chosen:
                    worker.start()
                    self._running.append(worker)
        _settle()

    def listen(self, name: str) -> dict[str, socket.socket]:
        """The listening sockets of a service's API, opened now and handed to several processes later. Raises Unavailable."""
        from common.service.wsgi import listen

        return {name: listen(self.options.bind, self._port(name))}

    def _port(self, name: str, port: int = 0) -> int:
        parts = urllib.parse.urlsplit(getattr(self.endpoints, name))
        return port or parts.port or {'https': 443}.get(parts.scheme, 80)

    def _serve(self, api: ApiPart, pipeline: Any, shared_port: bool) -> None:
        from common.service.wsgi import HttpServer

        self._pipelines[getattr(self.endpoints, api.name).rstrip('/')] = pipeline
        server = HttpServer(
            pipeline, self.options.bind, self._port(api.name, api.port), threads=self.options.threads,
            shared_port=shared_port or bool(api.port and self.sockets),  # the sockets that are handed in are those of the endpoints
            listener=None if api.port else self.sockets.get(api.name),
        )  # fmt: skip
        try:
            server.start()
        except Unavailable as error:
            if not api.port:
                raise
            # The old port of identity is among those that the kernel gives to outgoing connections: no reason not to start.
            LOG.error('%s is not served on its further port: %s', api.name, error.message)
            return
        self._servers.append(server)

    def reload(self) -> None:
        """Read again what may change while running: the operator's rules."""
        for parts in self.parts.values():
            policy = getattr(parts.service, 'policy', None)
            if policy is not None:
                try:
                    policy.reload()
                except ValueError as error:
                    LOG.error('the rules of %s cannot be read, those before stay in force: %s', parts.name, error)

    def stop(self, drain: float = 10.0) -> None:
        """Stop everything: first what takes new work, then what does it."""
        for server in self._servers:
            server.close_listener()
        for server in self._servers:
            server.stop(drain)
        for worker in reversed(self._running):
            worker.stop(drain)
        for parts in self.parts.values():
            if parts.request_events is not None:
                parts.request_events.stop()
        self._closing.close()
        if self._broker is not None:
            self._broker.close(min(drain, 5.0))
        for database in self._databases.values():
            database.dispose()
        self._servers, self._running = [], []


@functools.cache
def _settle() -> None:
    """Leave what is there when the first runtime has started out of the collector's rounds, which halves the cost of long lists.

    What a process serves with stays until it ends. A second runtime of the same process (tests make hundreds) may go before, and
    what is frozen is never collected: so this happens once in a process.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def database_url(settings: Settings, service: str) -> str:
    """The URL of a service's database."""
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    return template.replace('{service}', service).replace('{state}', settings.get(ServiceOptions).state_dir)


def check_names() -> None:
    """Our packages have common names; refuse to run with somebody else's in their place."""
    ours = pathlib.Path(__file__).resolve().parent.parent
    for name in ('common', *SERVICES):
        module = sys.modules.get(name)
        spec = module.__spec__ if module is not None else importlib.util.find_spec(name)
        origin = pathlib.Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if origin is not None and ours not in origin.parents:
            raise ConfigError(
                f'The package {name} is not the one of Pileus ({origin}). Install Pileus in a virtual environment of its own.'
            )


def _place(api: ApiPart) -> str:
    """What tells the APIs of a process apart."""
    return f'{api.name}:{api.port}'
