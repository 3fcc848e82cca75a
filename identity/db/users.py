"""Queries about users, their passwords, groups and who is in them (the SQL backend)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from identity.db.filters import narrowed
from identity.db.models import Group, GroupMember, Password, User
from identity.db.retry import insert_once
from identity.records import GroupRecord, UserRecord

_U, _W, _LATEST = User.__table__.c, Password.__table__.c, Password.__table__.alias('latest')
# Users with the password in force. The queries of every login are made once: building one takes longer than running it.
_USERS = select(
    _U.id,
    _U.domain_id,
    _U.name,
    _U.enabled,
    _U.default_project_id,
    _U.options,
    _U.extra,
    _U.failed_logins,
    _U.failed_at,
    _W.hash.label('password_hash'),
    _W.created_at.label('password_created_at'),
    _W.expires_at.label('password_expires_at'),
).outerjoin_from(
    User.__table__,
    Password.__table__,
    _W.id == select(func.max(_LATEST.c.id)).where(_LATEST.c.user_id == _U.id).scalar_subquery(),
)
_USER_BY_ID = _USERS.where(_U.id == bindparam('id'))
_USER_BY_NAME = _USERS.where(_U.domain_id == bindparam('domain_id'), _U.name == bindparam('name'))
_GROUP_COLUMNS = (Group.id, Group.domain_id, Group.name, Group.description, Group.extra)
USER_FILTERS = {
    'id': User.id,
    'name': User.name,
    'domain_id': User.domain_id,
    'enabled': User.enabled,
    'default_project_id': User.default_project_id,
    'password_expires_at': Password.expires_at,
}
GROUP_FILTERS = {'id': Group.id, 'name': Group.name, 'domain_id': Group.domain_id}


def _user(row: Any) -> UserRecord:
    return UserRecord(**row._mapping)


def get_user(session: Session, user_id: str) -> UserRecord | None:
    """One user, or None."""
    row = session.execute(_USER_BY_ID, {'id': user_id}).one_or_none()
    return _user(row) if row else None


def find_user(session: Session, domain_id: str, name: str) -> UserRecord | None:
    """The user of this name in the domain, or None."""
    row = session.execute(_USER_BY_NAME, {'domain_id': domain_id, 'name': name}).one_or_none()
    return _user(row) if row else None


def list_users(
    session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
) -> list[UserRecord]:
    """Users that fit the filters, by name; those of one group, or of a set of ids, if asked."""
    query = narrowed(_USERS, USER_FILTERS, wanted).order_by(User.name, User.id)
    if group_id is not None:
        query = query.where(exists().where(GroupMember.user_id == User.id, GroupMember.group_id == group_id))
    if ids is not None:
        query = query.where(User.id.in_(ids))
    return [_user(row) for row in session.execute(query)]


def insert_user(session: Session, record: UserRecord, now: datetime.datetime) -> None:
    """Write a new user without password."""
    names = ('id', 'domain_id', 'name', 'enabled', 'default_project_id', 'options', 'extra')
    session.execute(insert(User).values({name: getattr(record, name) for name in names} | {'created_at': now}))


def update_user(session: Session, user_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a user."""
    if values:
        session.execute(update(User).where(User.id == user_id).values(**values))


def delete_user(session: Session, user_id: str) -> None:
    """Remove a user with passwords and memberships."""
    session.execute(delete(GroupMember).where(GroupMember.user_id == user_id))
    session.execute(delete(Password).where(Password.user_id == user_id))
    session.execute(delete(User).where(User.id == user_id))


def clear_default_project(session: Session, project_ids: Sequence[str]) -> None:
    """Users whose default project goes have none from now on."""
    session.execute(update(User).where(User.default_project_id.in_(project_ids)).values(default_project_id=None))


def password_hashes(session: Session, user_id: str, count: int) -> list[str]:
    """The newest password hashes of a user, the present one first."""
    return list(session.scalars(select(Password.hash).where(Password.user_id == user_id).order_by(Password.id.desc()).limit(count)))


def add_password(
    session: Session, user_id: str, hash: str, now: datetime.datetime, expires_at: datetime.datetime | None, keep: int
) -> None:
    """Put a new password in force, keeping at most `keep` passwords in all."""
    session.execute(insert(Password).values(user_id=user_id, hash=hash, created_at=now, expires_at=expires_at))
    ids = list(session.scalars(select(Password.id).where(Password.user_id == user_id).order_by(Password.id.desc())))
    if old := ids[max(keep, 1) :]:
        session.execute(delete(Password).where(Password.id.in_(old)))


def count_failed_login(session: Session, user_id: str, now: datetime.datetime) -> None:
    """One more failed login."""
    session.execute(update(User).where(User.id == user_id).values(failed_logins=User.failed_logins + 1, failed_at=now))


def get_group(session: Session, group_id: str) -> GroupRecord | None:
    """One group, or None."""
    row = session.execute(select(*_GROUP_COLUMNS).where(Group.id == group_id)).one_or_none()
    return GroupRecord(**row._mapping) if row else None


def find_group(session: Session, domain_id: str, name: str) -> GroupRecord | None:
    """The group of this name in the domain, or None."""
    row = session.execute(select(*_GROUP_COLUMNS).where(Group.domain_id == domain_id, Group.name == name)).one_or_none()
    return GroupRecord(**row._mapping) if row else None


def list_groups(
    session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
) -> list[GroupRecord]:
    """Groups that fit the filters, by name; those of one user, or of a set of ids, if asked."""
    query = narrowed(select(*_GROUP_COLUMNS), GROUP_FILTERS, wanted).order_by(Group.name, Group.id)
    if user_id is not None:
        query = query.where(exists().where(GroupMember.group_id == Group.id, GroupMember.user_id == user_id))
    if ids is not None:
        query = query.where(Group.id.in_(ids))
    return [GroupRecord(**row._mapping) for row in session.execute(query)]


def insert_group(session: Session, record: GroupRecord, now: datetime.datetime) -> None:
    """Write a new group."""
    names = ('id', 'domain_id', 'name', 'description', 'extra')
    session.execute(insert(Group).values({name: getattr(record, name) for name in names} | {'created_at': now}))


def update_group(session: Session, group_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a group."""
    if values:
        session.execute(update(Group).where(Group.id == group_id).values(**values))


def delete_group(session: Session, group_id: str) -> None:
    """Remove a group and its memberships."""
    session.execute(delete(GroupMember).where(GroupMember.group_id == group_id))
    session.execute(delete(Group).where(Group.id == group_id))


def is_member(session: Session, user_id: str, group_id: str) -> bool:
    """Whether the user is in the group."""
    return session.get(GroupMember, (user_id, group_id)) is not None


def add_member(session: Session, user_id: str, group_id: str) -> None:
    """Put a user into a group; nothing happens when already there."""
    if not is_member(session, user_id, group_id):
        insert_once(session, insert(GroupMember).values(user_id=user_id, group_id=group_id))


def remove_member(session: Session, user_id: str, group_id: str) -> bool:
    """Take a user out of a group; False when not in it."""
    result = session.execute(delete(GroupMember).where(GroupMember.user_id == user_id, GroupMember.group_id == group_id))
    return bool(result.rowcount)


def group_ids_of(session: Session, user_id: str) -> list[str]:
    """Ids of the groups that a user is in."""
    return list(session.scalars(select(GroupMember.group_id).where(GroupMember.user_id == user_id)))


def members(session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
    """Group id -> ids of the users in it."""
    found: dict[str, list[str]] = {}
    query = select(GroupMember.group_id, GroupMember.user_id).where(GroupMember.group_id.in_(group_ids)).order_by(GroupMember.user_id)
    for group_id, user_id in session.execute(query):
        found.setdefault(group_id, []).append(user_id)
    return found
