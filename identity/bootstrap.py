"""The first administrator, the roles, the catalog and the users of the services: made when missing, left alone otherwise."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Sequence

from common import clock
from common.db.session import Session
from common.ids import new_hex_id
from identity.db import assignments as assignment_rows
from identity.db import catalog as catalog_rows
from identity.db import projects as project_rows
from identity.db import roles as role_rows
from identity.db import users as user_rows
from identity.db.assignments import SYSTEM, Grant
from identity.db.models import NO_DOMAIN, Endpoint, Project, Region, Role, Service
from identity.passwords import PasswordHasher
from identity.records import UserRecord
from identity.service import IdentityService

ROLES = ('admin', 'manager', 'member', 'reader', 'service')
IMPLIED = (('admin', 'manager'), ('manager', 'member'), ('member', 'reader'))
INTERFACES = ('public', 'internal', 'admin')
_NO_LOCKOUT = 'ignore_lockout_failure_attempts'
# A password that nobody has to remember needs no slow hash: there are too many to try.
_LONG_SECRET, _CHEAP_ROUNDS = 32, 4


@dataclasses.dataclass(frozen=True)
class ServicePlan:
    """A service of the catalog: one URL for all interfaces, or one each by interface."""

    type: str
    name: str
    url: str = ''
    urls: dict[str, str] = dataclasses.field(default_factory=dict)
    description: str = ''

    def url_of(self, interface: str) -> str:
        """The URL of an interface; empty: it has none."""
        return self.urls.get(interface, self.url)


@dataclasses.dataclass(frozen=True)
class UserPlan:
    """A user with roles on a project; both are made when missing."""

    name: str
    password: str = dataclasses.field(repr=False)
    project: str
    roles: Sequence[str] = ('member',)


@dataclasses.dataclass(frozen=True)
class BootstrapPlan:
    """What there must be.

    admin_password: of the first administrator. services: the catalog in `region`. service_users: made with
    `service_password`, roles admin and service on `service_project`. users: further ones, e.g. a demo user.
    reset_passwords: give existing users these passwords again.
    """

    admin_password: str = dataclasses.field(repr=False)
    admin_user: str = 'admin'
    admin_project: str = 'admin'
    region: str = 'RegionOne'
    services: Sequence[ServicePlan] = ()
    service_users: Sequence[str] = ()
    service_password: str = dataclasses.field(default='', repr=False)
    service_project: str = 'service'
    users: Sequence[UserPlan] = ()
    reset_passwords: bool = False


@dataclasses.dataclass(frozen=True)
class Bootstrapped:
    """What came of it: ids by name, and whether anything was changed."""

    admin_user_id: str
    project_ids: dict[str, str]
    user_ids: dict[str, str]
    changed: bool


class HashesAhead:
    """The passwords of a plan's users, hashed while something else is done: each takes a while, and other processors have time.

    Use it as a context; at its end nothing runs on.
    """

    def __init__(self, hasher: PasswordHasher, plan: BootstrapPlan) -> None:
        wanted = {plan.admin_password, *(planned.password for planned in plan.users)}
        self._workers = concurrent.futures.ThreadPoolExecutor(len(wanted), thread_name_prefix='hash')
        self._found = {password: self._workers.submit(hasher.hash, password) for password in wanted}

    def take(self, password: str) -> str | None:
        """The hash, or None for a password that is not of the plan."""
        found = self._found.get(password)
        return found.result() if found else None

    def __enter__(self) -> HashesAhead:
        return self

    def __exit__(self, *error: object) -> None:
        self._workers.shutdown()


class _Maker:
    """Makes what is missing, in one transaction, and remembers whether anything was."""

    def __init__(self, service: IdentityService, session: Session, plan: BootstrapPlan, ahead: HashesAhead | None) -> None:
        self.service, self.session, self.plan, self._ahead = service, session, plan, ahead
        self.domain_id = service.options.default_domain_id
        self.changed = False
        self.roles: dict[str, str] = {}
        self.projects: dict[str, str] = {}
        self.users: dict[str, str] = {}
        self._hashes: dict[str, str] = {}

    def add(self, record: object) -> None:
        self.session.add(record)
        self.session.flush()
        self.changed = True

    def domain(self) -> None:
        if self.session.get(Project, self.domain_id) is None:
            self.add(Project(id=self.domain_id, name='Default', domain_id=NO_DOMAIN, is_domain=True, description='The default domain'))

    def role(self, name: str) -> str:
        found = role_rows.find_role(self.session, name)
        if found is None:
            found = Role(id=new_hex_id(), name=name)
            self.add(found)
        return found.id

    def make_roles(self) -> None:
        for name in ROLES:
            self.roles[name] = self.role(name)
        known = set(role_rows.implications(self.session))
        for prior, implied in IMPLIED:
            if (self.roles[prior], self.roles[implied]) not in known:
                role_rows.add_implication(self.session, self.roles[prior], self.roles[implied])
                self.changed = True

    def project(self, name: str) -> str:
        if name not in self.projects:
            found = project_rows.find_project_ref(self.session, name, self.domain_id)
            if found is None:
                self.projects[name] = new_hex_id()
                self.add(Project(id=self.projects[name], name=name, domain_id=self.domain_id, parent_id=self.domain_id))
            else:
                self.projects[name] = found.id
        return self.projects[name]

    def user(self, name: str, password: str, *, secret: bool = False) -> str:
        found = user_rows.find_user(self.session, self.domain_id, name)
        if found is None:
            found = UserRecord(id=new_hex_id(), domain_id=self.domain_id, name=name)
            user_rows.insert_user(self.session, found, clock.now())
            self.changed = True
        known = found.password_hash is not None
        if not known or (self.plan.reset_passwords and not self.service.hasher.check(password, found.password_hash)):
            user_rows.add_password(self.session, found.id, self._hash(password, secret), clock.now(), None, self.service.rules.keep)
            self.changed = True
            if known:
                self.service.revoke(self.session, {'user_id': found.id})
        # Nobody guesses a long secret, but strangers could lock a service out, and the cloud with it.
        if secret and len(password) >= _LONG_SECRET and not found.options.get(_NO_LOCKOUT):
            user_rows.update_user(self.session, found.id, {'options': {**found.options, _NO_LOCKOUT: True}})
            self.changed = True
        self.users[name] = found.id
        return found.id

    def _hash(self, password: str, secret: bool) -> str:
        if password not in self._hashes:
            cheap = secret and len(password) >= _LONG_SECRET
            hasher = PasswordHasher(_CHEAP_ROUNDS) if cheap else self.service.hasher
            ahead = None if cheap or self._ahead is None else self._ahead.take(password)
            self._hashes[password] = ahead or hasher.hash(password)
        return self._hashes[password]

    def give(self, role: str, user_id: str, target_kind: str, target_id: str) -> None:
        role_id = self.roles.get(role)
        if role_id is None:
            role_id = self.roles[role] = self.role(role)
        self.changed |= assignment_rows.add(self.session, Grant(role_id, 'user', user_id, target_kind, target_id))

    def catalog(self) -> None:
        region = self.plan.region
        if region and self.session.get(Region, region) is None:
            self.add(Region(id=region))
        services = {(one.type, one.name): one.id for one in catalog_rows.list_services(self.session, {})}
        endpoints = {(one.service_id, one.interface, one.region_id): one for one in catalog_rows.list_endpoints(self.session, {})}
        for planned in self.plan.services:
            service_id = services.get((planned.type, planned.name))
            if service_id is None:
                service_id = new_hex_id()
                self.add(Service(id=service_id, type=planned.type, name=planned.name, description=planned.description or None))
            for interface in INTERFACES:
                self._endpoint(endpoints, service_id, interface, planned.url_of(interface))

    def _endpoint(self, known: dict[tuple[str, str, str | None], Endpoint], service_id: str, interface: str, url: str) -> None:
        region = self.plan.region or None
        found = known.get((service_id, interface, region))
        if not url:
            return
        if found is None:
            self.add(Endpoint(id=new_hex_id(), service_id=service_id, interface=interface, region_id=region, url=url))
        elif found.url != url:
            found.url = url
            self.changed = True


def bootstrap(service: IdentityService, plan: BootstrapPlan, ahead: HashesAhead | None = None) -> Bootstrapped:
    """Make what the plan asks for, signing keys included. Done again, it changes nothing but endpoints that moved."""
    keys_made = service.keys.create()
    with service.write() as session:
        make = _Maker(service, session, plan, ahead)
        make.domain()
        make.make_roles()
        make.catalog()
        admin = make.user(plan.admin_user, plan.admin_password)
        make.give('admin', admin, 'project', make.project(plan.admin_project))
        make.give('admin', admin, 'domain', make.domain_id)
        make.give('admin', admin, SYSTEM, SYSTEM)
        for name in plan.service_users:
            user_id = make.user(name, plan.service_password, secret=True)
            for role in ('admin', 'service'):
                make.give(role, user_id, 'project', make.project(plan.service_project))
        for planned in plan.users:
            user_id = make.user(planned.name, planned.password)
            for role in planned.roles:
                make.give(role, user_id, 'project', make.project(planned.project))
    return Bootstrapped(admin, make.projects, make.users, make.changed or keys_made)
