"""How the identity service is put together."""

from __future__ import annotations

import functools
import logging
import pathlib
import threading
from typing import TYPE_CHECKING, Any

from common import clock
from common.errors import PileusError
from common.limits import announce as announce_limits
from common.service import concurrency
from common.tokens import RoleSets, RuleBook
from common.tokens.contract import TokenNews, TokenNewsListener
from identity import access_rules, catalog, domain_config
from identity import tokens as issued
from identity.conf import CatalogOptions, TokenOptions
from identity.guard_news import GuardGossip
from identity.known_homes import KnownHomes
from identity.rpc import Announcer
from identity.service import IdentityService
from identity.templated_catalog import TemplatedCatalog

if TYPE_CHECKING:
    from common.config import Settings
    from common.db import Database
    from common.runtime import Runtime, ServiceParts

LOG = logging.getLogger(__name__)
_LEARN_EVERY, _CLEAN_EVERY = 1.0, 600.0
_CLOCKS_MAY_DIFFER = 0.5  # seconds


def make_service(settings: Settings, db: Database, state: pathlib.Path, **rest: Any) -> IdentityService:
    """The service object alone: what commands and tests need.

    :param state: the state directory, where the keys are unless the settings say otherwise
    """
    tokens = settings.get(TokenOptions)
    keys = pathlib.Path(tokens.key_directory) if tokens.key_directory else state / 'identity' / 'keys'
    service = IdentityService(
        db,
        settings,
        key_directory=keys,
        offload=concurrency.blocking,
        **rest,
    )
    service.verifier.access_rules = RuleBook(functools.partial(access_rules.by_digest, service))
    service.verifier.role_sets = RoleSets(functools.partial(issued.role_set, service))
    if service.options.domain_configurations_from_database:
        service.users.domains.configure_from(domain_config.all_in_force)
    catalog_options = settings.get(CatalogOptions)
    if catalog_options.driver == 'templated':
        service.templated = TemplatedCatalog(catalog_options.template_file, catalog.url_parameters)
    return service


class Upkeep:
    """Beside the API: learns what other identity processes revoked, and forgets what matters no more."""

    def __init__(self, service: IdentityService, runtime: Runtime, announcer: Announcer) -> None:
        self._service, self._runtime, self._announcer = service, runtime, announcer
        # Where everything is in one process there is nobody to tell.
        self._gossip = None if runtime.embedded else GuardGossip(service.guard, runtime.broker, runtime.host)
        self._homes = KnownHomes(service)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Know all revocations in force before the first request, then keep up with them."""
        self._service.learn_revocations()
        listener = TokenNewsListener(self._service.revocations)
        self._runtime.broker.serve(TokenNews, listener, host=f'identity.{self._runtime.host}.{id(self):x}', workers=1)
        if self._gossip is not None:
            self._gossip.start()
        self._homes.attach()
        self._thread = threading.Thread(target=self._run, name='identity-upkeep', daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End, after what is waiting has been announced."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if self._gossip is not None:
            self._gossip.stop(seconds)
        self._announcer.stop(seconds)

    def _look_at_the_clock(self) -> None:
        ahead = self._service.clock_difference()
        if abs(ahead) > _CLOCKS_MAY_DIFFER:
            said = "the clock of this host is %.1f s ahead of the database's (or behind, if negative): tokens may outlive what revokes them; keep clocks in step"
            LOG.warning(said, ahead)

    def _run(self) -> None:
        clean_at = clock.monotonic()
        while not self._ending.wait(_LEARN_EVERY):
            try:
                self._service.learn_revocations()
                self._homes.save()
                if clock.monotonic() >= clean_at:
                    clean_at = clock.monotonic() + _CLEAN_EVERY
                    self._service.forget_expired()
                    self._look_at_the_clock()
            except PileusError as error:
                LOG.warning('what logins and revocations leave behind could not be read or written: %s', error.message)


def build(runtime: Runtime) -> ServiceParts:
    """Identity's API; in its process the tokens of all services are checked with its own keys."""
    from common.api.application import Application
    from common.runtime import ApiPart, ServiceParts, WorkerPart
    from identity.api import RESOURCES

    db = runtime.database('identity')
    announcer = Announcer(lambda: runtime.broker.client(TokenNews))
    service = make_service(runtime.settings, db, runtime.state, announce=announcer.announce)
    runtime.verifier = service.verifier
    service.limits_changed = lambda: announce_limits(runtime.broker)

    @functools.cache
    def application() -> Application:
        return Application('identity', RESOURCES, instance=service, policy_overrides=runtime.policy_file('identity'))

    def keys_are_there() -> str | None:
        return None if service.keys.published() else 'there are no token keys; run identity-manage bootstrap'

    apis = [ApiPart('identity', application)]
    if service.options.admin_port:
        apis.append(ApiPart('identity', application, port=service.options.admin_port))
    upkeep = Upkeep(service, runtime, announcer)
    return ServiceParts(
        'identity',
        service,
        apis=apis,
        # Started wherever the API is.
        workers=[WorkerPart('api', upkeep.start, upkeep.stop)],
        db=db,
        migrations='identity.db',
        prepare=service.keys.create,
        checks={'database': lambda: db.ping(), 'token_keys': keys_are_there},
    )
