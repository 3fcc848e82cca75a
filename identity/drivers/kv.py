"""Users and groups in the memory of the process, gone with it: for trials and for tests of the rest."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from common.db.session import Session
from common.errors import Conflict
from identity.drivers.base import BackendPlace, UserBackend
from identity.drivers.matching import fits
from identity.passwords import PasswordHasher
from identity.records import GroupRecord, UserRecord


class KeyValueBackend(UserBackend):
    """A dictionary of users and one of groups. What one identity process holds, another does not know."""

    capabilities = frozenset({'write'})

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._users: dict[str, UserRecord] = {}
        self._groups: dict[str, GroupRecord] = {}
        self._members: dict[str, set[str]] = {}
        self._lock = threading.RLock()

    @classmethod
    def make(cls, place: BackendPlace) -> KeyValueBackend:
        return cls(place.hasher)

    def get_user(self, session: Session, user_id: str) -> UserRecord | None:
        found = self._users.get(user_id)
        return dataclasses.replace(found) if found else None

    def find_user(self, session: Session, domain_id: str, name: str) -> UserRecord | None:
        return next(iter(self.list_users(session, {'domain_id': domain_id, 'name': name})), None)

    def list_users(
        self, session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[UserRecord]:
        with self._lock:
            found = [user for user in self._users.values() if fits(user, wanted)]
            if group_id is not None:
                found = [user for user in found if user.id in self._members.get(group_id, ())]
        if ids is not None:
            found = [user for user in found if user.id in set(ids)]
        return sorted((dataclasses.replace(user) for user in found), key=lambda user: (user.name, user.id))

    def check_password(self, user: UserRecord, password: str) -> bool:
        return self._hasher.check(password, user.password_hash)

    def get_group(self, session: Session, group_id: str) -> GroupRecord | None:
        found = self._groups.get(group_id)
        return dataclasses.replace(found) if found else None

    def find_group(self, session: Session, domain_id: str, name: str) -> GroupRecord | None:
        return next(iter(self.list_groups(session, {'domain_id': domain_id, 'name': name})), None)

    def list_groups(
        self, session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[GroupRecord]:
        with self._lock:
            found = [group for group in self._groups.values() if fits(group, wanted)]
            if user_id is not None:
                found = [group for group in found if user_id in self._members.get(group.id, ())]
        if ids is not None:
            found = [group for group in found if group.id in set(ids)]
        return sorted((dataclasses.replace(group) for group in found), key=lambda group: (group.name, group.id))

    def group_ids_of(self, session: Session, user_id: str) -> list[str]:
        with self._lock:
            return sorted(group_id for group_id, members in self._members.items() if user_id in members)

    def members(self, session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
        with self._lock:
            return {group_id: sorted(self._members[group_id]) for group_id in group_ids if self._members.get(group_id)}

    def insert_user(self, session: Session, record: UserRecord) -> str:
        with self._lock:
            self._check_free('user', self._users, record.id, record.domain_id, record.name)
            self._users[record.id] = dataclasses.replace(record)
        return record.id

    def set_password(self, session: Session, user: UserRecord, password: str) -> None:
        hashed = self._hasher.hash(password)
        with self._lock:
            if user.id in self._users:
                self._users[user.id].password_hash = hashed

    def update_user(self, session: Session, user_id: str, values: Mapping[str, Any]) -> None:
        with self._lock:
            user = self._users.get(user_id)
            if user is not None:
                if 'name' in values:
                    self._check_free('user', self._users, user_id, user.domain_id, values['name'])
                self._users[user_id] = dataclasses.replace(user, **values)

    def delete_user(self, session: Session, user_id: str) -> None:
        with self._lock:
            self._users.pop(user_id, None)
            for members in self._members.values():
                members.discard(user_id)

    def insert_group(self, session: Session, record: GroupRecord) -> str:
        with self._lock:
            self._check_free('group', self._groups, record.id, record.domain_id, record.name)
            self._groups[record.id] = dataclasses.replace(record)
        return record.id

    def update_group(self, session: Session, group_id: str, values: Mapping[str, Any]) -> None:
        with self._lock:
            group = self._groups.get(group_id)
            if group is not None:
                if 'name' in values:
                    self._check_free('group', self._groups, group_id, group.domain_id, values['name'])
                self._groups[group_id] = dataclasses.replace(group, **values)

    def delete_group(self, session: Session, group_id: str) -> None:
        with self._lock:
            self._groups.pop(group_id, None)
            self._members.pop(group_id, None)

    def add_member(self, session: Session, user_id: str, group_id: str) -> None:
        with self._lock:
            self._members.setdefault(group_id, set()).add(user_id)

    def remove_member(self, session: Session, user_id: str, group_id: str) -> bool:
        with self._lock:
            members = self._members.get(group_id, set())
            if user_id not in members:
                return False
            members.discard(user_id)
            return True

    @staticmethod
    def _check_free(noun: str, records: Mapping[str, Any], own_id: str, domain_id: str, name: str) -> None:
        if any(one.id != own_id and one.domain_id == domain_id and one.name == name for one in records.values()):
            raise Conflict(f'Conflict occurred attempting to store {noun} - Duplicate entry found with name {name} in this domain.')
