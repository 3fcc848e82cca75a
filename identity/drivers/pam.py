"""Users and groups of this machine. Passwords are checked by PAM."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from common.config import ConfigError
from common.db.session import Session
from identity.conf import PamOptions
from identity.drivers.base import BackendPlace, UserBackend
from identity.drivers.libpam import Pam
from identity.drivers.matching import fits
from identity.drivers.public_ids import PublicIds
from identity.records import GroupRecord, UserRecord

_NOBODY = 'pileus-nobody'  # no user of any machine


class PamBackend(UserBackend):
    """Read-only: who is who, and in which group, is asked of the system each time.

    :param offload: runs a call that blocks off the event loop
    """

    def __init__(self, domain_id: str, options: PamOptions, offload: Callable[[Callable[[], Any]], Any]) -> None:
        if options.min_uid > options.max_uid:
            raise ConfigError('[pam] min_uid must not be above max_uid.')
        self._domain_id = domain_id
        self._options = options
        self._offload = offload
        self._pam = Pam()
        self._ids = PublicIds(domain_id, self._names, pause=1.0)

    @classmethod
    def make(cls, place: BackendPlace) -> PamBackend:
        return cls(place.domain_id, place.settings.get(PamOptions), place.offload)

    def _is_ours(self, uid: int) -> bool:
        return self._options.min_uid <= uid <= self._options.max_uid

    def _all_users(self) -> list[pwd.struct_passwd]:
        return [entry for entry in pwd.getpwall() if self._is_ours(entry.pw_uid)]

    def _names(self, kind: str) -> Iterable[str]:
        return [entry.pw_name for entry in self._all_users()] if kind == 'user' else [entry.gr_name for entry in self._all_groups()]

    def _user(self, entry: pwd.struct_passwd) -> UserRecord:
        full_name = entry.pw_gecos.split(',')[0]
        extra = {'description': full_name} if full_name else {}
        return UserRecord(id=self._ids.learn('user', entry.pw_name), domain_id=self._domain_id, name=entry.pw_name, extra=extra)

    def _entry(self, name: str | None) -> pwd.struct_passwd | None:
        if not name or '\0' in name:
            return None
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return entry if self._is_ours(entry.pw_uid) else None

    def get_user(self, session: Session, user_id: str) -> UserRecord | None:
        entry = self._entry(self._ids.local('user', user_id))
        return self._user(entry) if entry else None

    def find_user(self, session: Session, domain_id: str, name: str) -> UserRecord | None:
        entry = self._entry(name) if domain_id == self._domain_id else None
        return self._user(entry) if entry else None

    def list_users(
        self, session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[UserRecord]:
        found = [user for user in map(self._user, self._all_users()) if fits(user, wanted)]
        if group_id is not None:
            inside = set(self.members(session, [group_id]).get(group_id, ()))
            found = [user for user in found if user.id in inside]
        if ids is not None:
            found = [user for user in found if user.id in set(ids)]
        return sorted(found, key=lambda user: user.name)

    def check_password(self, user: UserRecord, password: str) -> bool:
        options = self._options
        if self._entry(user.name) is None:
            return False
        right: bool = self._offload(lambda: self._pam.check(options.service, user.name, password, options.config_directory))
        return right

    def check_nobody(self, password: str) -> None:
        # PAM delays failures, for seconds as a rule, whether it knows the user or not.
        options = self._options
        self._offload(lambda: self._pam.check(options.service, _NOBODY, password, options.config_directory))

    # Groups: those with one of our users in them

    def _all_groups(self) -> dict[grp.struct_group, list[str]]:
        """Group -> names of our users in it."""
        users = self._all_users()
        names = {entry.pw_name for entry in users}
        primary: dict[int, list[str]] = {}
        for entry in users:
            primary.setdefault(entry.pw_gid, []).append(entry.pw_name)
        found = {}
        for group in grp.getgrall():
            inside = sorted({*primary.get(group.gr_gid, ()), *(name for name in group.gr_mem if name in names)})
            if inside:
                found[_hashable(group)] = inside
        return found

    def _group(self, entry: grp.struct_group) -> GroupRecord:
        return GroupRecord(id=self._ids.learn('group', entry.gr_name), domain_id=self._domain_id, name=entry.gr_name)

    def get_group(self, session: Session, group_id: str) -> GroupRecord | None:
        return next((group for group in map(self._group, self._all_groups()) if group.id == group_id), None)

    def find_group(self, session: Session, domain_id: str, name: str) -> GroupRecord | None:
        return next(iter(self.list_groups(session, {'domain_id': domain_id, 'name': name})), None)

    def list_groups(
        self, session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[GroupRecord]:
        name = self._ids.local('user', user_id) if user_id is not None else None
        found = [self._group(entry) for entry, inside in self._all_groups().items() if user_id is None or name in inside]
        found = [group for group in found if fits(group, wanted) and (ids is None or group.id in set(ids))]
        return sorted(found, key=lambda group: group.name)

    def group_ids_of(self, session: Session, user_id: str) -> list[str]:
        return [group.id for group in self.list_groups(session, {}, user_id=user_id)]

    def members(self, session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
        found = {self._group(entry).id: inside for entry, inside in self._all_groups().items()}
        return {one: sorted(self._ids.learn('user', name) for name in found[one]) for one in group_ids if one in found}


def _hashable(group: grp.struct_group) -> grp.struct_group:
    """The group without its list of members, so that it can be a key."""
    return grp.struct_group((group.gr_name, '', group.gr_gid, ()))
