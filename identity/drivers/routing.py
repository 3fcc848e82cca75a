"""Which backend holds the users of which domain."""

from __future__ import annotations

import logging
import pathlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from common import clock, drivers
from common.config import ConfigError, Settings
from common.db.session import Session
from common.errors import Forbidden, Unavailable
from identity.conf import IdentityOptions
from identity.db import projects as project_rows
from identity.db.domain_config import Config
from identity.drivers.base import BackendPlace, UserBackend
from identity.drivers.domain_options import settings_of
from identity.passwords import PasswordHasher
from identity.records import GroupRecord, UserRecord

LOG = logging.getLogger(__name__)
R = TypeVar('R', UserRecord, GroupRecord)
_REMEMBERED = 20000  # users and groups of domains with a backend of their own
_LOOK_AGAIN = 5.0  # seconds between two looks for domains of configuration files that do not exist yet


class DomainBackends:
    """The backends that configuration files give to domains, and those that domains were given through the API.

    :param directory: holds a file `<id or name of the domain>.conf` per domain, with `[identity] driver` and its options
    """

    def __init__(self, directory: str, hasher: PasswordHasher, offload: Callable[[Callable[[], Any]], Any]) -> None:
        self._hasher, self._offload = hasher, offload
        self._waiting: dict[str, Settings] = {}
        self._made: dict[str, UserBackend] = {}
        self._looked_at: float | None = None
        self._lock = threading.Lock()
        self._stored: Callable[[Session], Mapping[str, Config]] | None = None
        self._configs: dict[str, Config] = {}
        if directory:
            path = pathlib.Path(directory)
            if not path.is_dir():
                raise ConfigError(f'[identity] domain_config_dir: {directory} is not a directory.')
            for file in sorted(path.glob('*.conf')):
                settings = Settings.load([file])
                # The driver comes first: one of another distribution declares its options by being imported.
                driver = drivers.load('identity.users', settings.get(IdentityOptions).driver)
                settings.check()
                # Made once for nothing, so that a mistake stops the start and no request.
                driver.make(BackendPlace(file.stem, settings, hasher, offload))
                self._waiting[file.stem] = settings

    def configure_from(self, stored: Callable[[Session], Mapping[str, Config]]) -> None:
        """Take up what domains set through the API too, within seconds of a change. A file goes before it.

        :param stored: domain id -> its options, of the domains that have set any
        """
        self._stored = stored

    def of(self, session: Session) -> Mapping[str, UserBackend]:
        """Domain id -> backend, for the domains that exist."""
        if self._waiting or self._stored is not None:
            now = clock.monotonic()
            if self._looked_at is None or now - self._looked_at >= _LOOK_AGAIN:
                self._look(session)
                self._take_stored(session)
                self._looked_at = now
        return self._made

    def backend_of(self, session: Session, domain_id: str) -> UserBackend | None:
        """The backend of one domain, which may just have been made."""
        found = self.of(session).get(domain_id)
        if found is None and self._waiting:
            self._look(session)
        return self._made.get(domain_id)

    def _take_stored(self, session: Session) -> None:
        """Make, renew and drop backends as the stored options have changed."""
        if self._stored is None:
            return
        stored = self._stored(session)
        with self._lock:
            made = dict(self._made)
            # A domain with a file keeps to it.
            own = {key: config for key, config in stored.items() if key in self._configs or key not in made}
            for domain_id in self._configs.keys() | own.keys():
                config = own.get(domain_id)
                if config == self._configs.get(domain_id):
                    continue
                made.pop(domain_id, None)
                if config is None or config.get('identity', {}).get('driver') != 'ldap':
                    continue
                try:
                    place = BackendPlace(domain_id, settings_of(config), self._hasher, self._offload)
                    made[domain_id] = drivers.load('identity.users', 'ldap').make(place)
                except ConfigError as error:
                    LOG.error('the options of domain %s cannot be used: %s', domain_id, error.message)
            self._configs, self._made = own, made

    def of_known(self, domain_id: str) -> UserBackend | None:
        """The backend of a domain of which a user has been found before."""
        return self._made.get(domain_id)

    def _look(self, session: Session) -> None:
        with self._lock:
            for name, settings in list(self._waiting.items()):
                domain = project_rows.find_domain_ref(session, id=name) or project_rows.find_domain_ref(session, name=name)
                if domain is None:
                    continue
                driver = drivers.load('identity.users', settings.get(IdentityOptions).driver)
                place = BackendPlace(domain.id, settings, self._hasher, self._offload)
                self._made = {**self._made, domain.id: driver.make(place)}
                del self._waiting[name]


class _Places:
    """In which domain's backend a user or group was found: the others need not be asked, one of which may be away. Bounded."""

    def __init__(self) -> None:
        self._domains: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def learn(self, found: UserRecord | GroupRecord | None) -> None:
        if found is None:
            return
        with self._lock:
            self._domains[found.id] = found.domain_id
            self._domains.move_to_end(found.id)
            while len(self._domains) > _REMEMBERED:
                self._domains.popitem(last=False)

    def first(self, backends: Mapping[str, UserBackend], identifier: str) -> list[UserBackend]:
        """The backends, the one that is known to have it before the others."""
        known = backends.get(self._domains.get(identifier, ''))
        return [*([known] if known else []), *(backend for backend in backends.values() if backend is not known)]

    def split(self, backends: Mapping[str, UserBackend], ids: Sequence[str]) -> list[tuple[UserBackend, list[str]]]:
        """Which of the backends to ask about which of the ids: about one of which nothing is known all of them."""
        homes = {one: domain_id for one in ids if (domain_id := self._domains.get(one)) in backends}
        asked = [(backend, [one for one in ids if homes.get(one, domain_id) == domain_id]) for domain_id, backend in backends.items()]
        return [(backend, wanted) for backend, wanted in asked if wanted]


class RoutedBackend(UserBackend):
    """Stands for all backends: asks the one of the domain, or the one that knows the id.

    :param default: holds the users of every domain that has no backend of its own; its ids are tried first
    """

    def __init__(self, default: UserBackend, domains: DomainBackends, hasher: PasswordHasher) -> None:
        self._default = default
        self.domains = domains
        self._hasher = hasher
        self._places = _Places()
        self.capabilities = default.capabilities

    @classmethod
    def make(cls, place: BackendPlace) -> RoutedBackend:
        options = place.settings.get(IdentityOptions)
        default = drivers.load('identity.users', options.driver).make(place)
        return cls(default, DomainBackends(options.domain_config_dir, place.hasher, place.offload), place.hasher)

    def of(self, session: Session, domain_id: str) -> UserBackend:
        return self.domains.backend_of(session, domain_id) or self._default

    def _user(self, session: Session, user_id: str) -> tuple[UserBackend, UserRecord | None]:
        found = self._default.get_user(session, user_id)
        return (self._default, found) if found else self._elsewhere(session, user_id, lambda backend: backend.get_user(session, user_id))

    def _elsewhere(self, session: Session, identifier: str, get: Callable[[UserBackend], R | None]) -> tuple[UserBackend, R | None]:
        """Who has it besides the default backend, and what. Raises Unavailable where it may be in a backend that is away."""
        away: Unavailable | None = None
        for backend in self._places.first(self.domains.of(session), identifier):
            try:
                found = get(backend)
            except Unavailable as error:
                away = away or error
                continue
            if found is not None:
                self._places.learn(found)
                return backend, found
        if away is not None:
            raise away
        return self._default, None

    def _group(self, session: Session, group_id: str) -> tuple[UserBackend, GroupRecord | None]:
        found = self._default.get_group(session, group_id)
        return (self._default, found) if found else self._elsewhere(session, group_id, lambda backend: backend.get_group(session, group_id))

    def get_user(self, session: Session, user_id: str) -> UserRecord | None:
        return self._user(session, user_id)[1]

    def find_user(self, session: Session, domain_id: str, name: str) -> UserRecord | None:
        backend = self.of(session, domain_id)
        found = backend.find_user(session, domain_id, name)
        if backend is not self._default:
            self._places.learn(found)
        return found

    def list_users(
        self, session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[UserRecord]:
        if group_id is not None:
            return self._group(session, group_id)[0].list_users(session, wanted, group_id=group_id, ids=ids)
        if wanted.get('domain_id'):
            backend = self.of(session, wanted['domain_id'])
            listed = backend.list_users(session, wanted, ids=ids)
            for user in listed if backend is not self._default else ():
                self._places.learn(user)
            return listed
        found = self._default.list_users(session, wanted, ids=ids)
        for backend, rest in self._others(session, ids, {user.id for user in found}):
            found += backend.list_users(session, wanted, ids=rest)
        return found

    def _others(self, session: Session, ids: Sequence[str] | None, found: set[str]) -> Sequence[tuple[UserBackend, list[str] | None]]:
        """Whom to ask besides the default backend, and about which ids (None: all)."""
        backends = self.domains.of(session)
        if ids is None:
            return [(backend, None) for backend in backends.values()]
        return self._places.split(backends, sorted(set(ids) - found)) if backends else []

    def check_password(self, user: UserRecord, password: str) -> bool:
        backend = self.domains.of_known(user.domain_id) or self._default
        if backend.check_password(user, password):
            return True
        if user.password_hash is None:
            # A store that answers at once must not tell by it that the user exists: an unknown one costs a hash.
            self._hasher.check(password, None)
        return False

    def check_nobody(self, password: str, domain_id: str | None = None) -> None:
        """As `check_password` for a user who does not exist, in a domain that may not exist either (None)."""
        backend = self.domains.of_known(domain_id) if domain_id else None
        (backend or self._default).check_nobody(password)
        self._hasher.check(password, None)

    def get_group(self, session: Session, group_id: str) -> GroupRecord | None:
        return self._group(session, group_id)[1]

    def find_group(self, session: Session, domain_id: str, name: str) -> GroupRecord | None:
        return self.of(session, domain_id).find_group(session, domain_id, name)

    def list_groups(
        self, session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[GroupRecord]:
        if user_id is not None:
            return self._user(session, user_id)[0].list_groups(session, wanted, user_id=user_id, ids=ids)
        if wanted.get('domain_id'):
            return self.of(session, wanted['domain_id']).list_groups(session, wanted, ids=ids)
        found = self._default.list_groups(session, wanted, ids=ids)
        for backend, rest in self._others(session, ids, {group.id for group in found}):
            found += backend.list_groups(session, wanted, ids=rest)
        return found

    def group_ids_of(self, session: Session, user_id: str) -> list[str]:
        return self._user(session, user_id)[0].group_ids_of(session, user_id)

    def members(self, session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
        found = self._default.members(session, group_ids)
        for backend, rest in self._others(session, group_ids, set(found)):
            found |= backend.members(session, rest or ())
        return found

    def group_filter(self, session: Session, user_id: str) -> list[str] | None:
        if not self.domains.of(session):
            return self._default.group_filter(session, user_id)
        return self._user(session, user_id)[0].group_filter(session, user_id)

    def insert_user(self, session: Session, record: UserRecord) -> str:
        return self.of(session, record.domain_id).insert_user(session, record)

    def set_password(self, session: Session, user: UserRecord, password: str) -> None:
        self.of(session, user.domain_id).set_password(session, user, password)

    def update_user(self, session: Session, user_id: str, values: Mapping[str, Any]) -> None:
        self._user(session, user_id)[0].update_user(session, user_id, values)

    def delete_user(self, session: Session, user_id: str) -> None:
        self._user(session, user_id)[0].delete_user(session, user_id)

    def insert_group(self, session: Session, record: GroupRecord) -> str:
        return self.of(session, record.domain_id).insert_group(session, record)

    def update_group(self, session: Session, group_id: str, values: Mapping[str, Any]) -> None:
        self._group(session, group_id)[0].update_group(session, group_id, values)

    def delete_group(self, session: Session, group_id: str) -> None:
        self._group(session, group_id)[0].delete_group(session, group_id)

    def add_member(self, session: Session, user_id: str, group_id: str) -> None:
        backend = self._group(session, group_id)[0]
        if self._user(session, user_id)[0] is not backend:
            raise Forbidden('The user and the group are kept in different places; a group holds users of its own place only.')
        backend.add_member(session, user_id, group_id)

    def remove_member(self, session: Session, user_id: str, group_id: str) -> bool:
        return self._group(session, group_id)[0].remove_member(session, user_id, group_id)
