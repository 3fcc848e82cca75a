"""Users and groups in the identity database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common import clock
from common.db import duplicate_as
from common.db.session import Session
from common.errors import Conflict
from identity.db import users as rows
from identity.drivers.base import BackendPlace, UserBackend
from identity.passwords import PasswordHasher
from identity.records import GroupRecord, UserRecord


def _taken(noun: str, name: str) -> Conflict:
    return Conflict(f'Conflict occurred attempting to store {noun} - Duplicate entry found with name {name} in this domain.')


class SqlBackend(UserBackend):
    """The default backend."""

    capabilities = frozenset({'write', 'history'})

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher

    @classmethod
    def make(cls, place: BackendPlace) -> SqlBackend:
        return cls(place.hasher)

    def get_user(self, session: Session, user_id: str) -> UserRecord | None:
        return rows.get_user(session, user_id)

    def find_user(self, session: Session, domain_id: str, name: str) -> UserRecord | None:
        return rows.find_user(session, domain_id, name)

    def list_users(
        self, session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[UserRecord]:
        return rows.list_users(session, wanted, group_id=group_id, ids=ids)

    def check_password(self, user: UserRecord, password: str) -> bool:
        return self._hasher.check(password, user.password_hash)

    def get_group(self, session: Session, group_id: str) -> GroupRecord | None:
        return rows.get_group(session, group_id)

    def find_group(self, session: Session, domain_id: str, name: str) -> GroupRecord | None:
        return rows.find_group(session, domain_id, name)

    def list_groups(
        self, session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[GroupRecord]:
        return rows.list_groups(session, wanted, user_id=user_id, ids=ids)

    def group_ids_of(self, session: Session, user_id: str) -> list[str]:
        return rows.group_ids_of(session, user_id)

    def members(self, session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
        return rows.members(session, group_ids)

    def group_filter(self, session: Session, user_id: str) -> list[str] | None:
        return None

    def insert_user(self, session: Session, record: UserRecord) -> str:
        with duplicate_as(session, _taken('user', record.name)):
            rows.insert_user(session, record, clock.now())
        return record.id

    def update_user(self, session: Session, user_id: str, values: Mapping[str, Any]) -> None:
        with duplicate_as(session, _taken('user', str(values.get('name')))):
            rows.update_user(session, user_id, values)

    def delete_user(self, session: Session, user_id: str) -> None:
        rows.delete_user(session, user_id)

    def insert_group(self, session: Session, record: GroupRecord) -> str:
        with duplicate_as(session, _taken('group', record.name)):
            rows.insert_group(session, record, clock.now())
        return record.id

    def update_group(self, session: Session, group_id: str, values: Mapping[str, Any]) -> None:
        with duplicate_as(session, _taken('group', str(values.get('name')))):
            rows.update_group(session, group_id, values)

    def delete_group(self, session: Session, group_id: str) -> None:
        rows.delete_group(session, group_id)

    def add_member(self, session: Session, user_id: str, group_id: str) -> None:
        rows.add_member(session, user_id, group_id)

    def remove_member(self, session: Session, user_id: str, group_id: str) -> bool:
        return rows.remove_member(session, user_id, group_id)
