"""What a backend of users and groups must offer."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.db.session import Session
from common.errors import Forbidden
from identity.records import GroupRecord, UserRecord

if TYPE_CHECKING:
    from common.config import Settings
    from identity.passwords import PasswordHasher


@dataclasses.dataclass(frozen=True, slots=True)
class BackendPlace:
    """What a backend is made with.

    :param domain_id: the domain whose users it holds
    :param settings: the options of that domain
    :param hasher: makes and checks password hashes
    :param offload: runs a call that blocks without Python's knowledge off the event loop, where there is one
    """

    domain_id: str
    settings: Settings
    hasher: PasswordHasher
    offload: Callable[[Callable[[], Any]], Any]


class UserBackend(abc.ABC):
    """A store of users, groups and passwords. A new backend is one subclass in one file.

    `session` is the transaction on the identity database that the caller is in; a backend with a store of its own does not
    use it. Filters are those of the API: `name`, `enabled`, `name__icontains`, ...
    """

    capabilities: frozenset[str] = frozenset()
    """`write`: users and groups can be changed. `history`: passwords are kept here, so rules about them apply."""

    @classmethod
    @abc.abstractmethod
    def make(cls, place: BackendPlace) -> UserBackend:
        """The backend of a domain. Raises ConfigError for options that cannot be."""

    def of(self, session: Session, domain_id: str) -> UserBackend:
        """The backend that holds the users of a domain: this one, unless it stands for several."""
        return self

    def require(self, capability: str) -> None:
        """Forbidden when the backend cannot do it."""
        if capability not in self.capabilities:
            raise Forbidden('The users of this domain are kept elsewhere and cannot be changed here.')

    @abc.abstractmethod
    def get_user(self, session: Session, user_id: str) -> UserRecord | None:
        """One user, or None."""

    @abc.abstractmethod
    def find_user(self, session: Session, domain_id: str, name: str) -> UserRecord | None:
        """The user of this name in the domain, or None."""

    @abc.abstractmethod
    def list_users(
        self, session: Session, wanted: Mapping[str, Any], *, group_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[UserRecord]:
        """Users that fit the filters; those of one group, or of a set of ids, if asked."""

    @abc.abstractmethod
    def check_password(self, user: UserRecord, password: str) -> bool:
        """Whether the password is right. Called outside of transactions: it may take its time."""

    def check_nobody(self, password: str) -> None:  # noqa: B027 nothing to do where a hash is all that a check costs
        """Take as long as `check_password` does, besides a hash, with a wrong password: there is no such user, and the time must not tell."""

    @abc.abstractmethod
    def get_group(self, session: Session, group_id: str) -> GroupRecord | None:
        """One group, or None."""

    @abc.abstractmethod
    def find_group(self, session: Session, domain_id: str, name: str) -> GroupRecord | None:
        """The group of this name in the domain, or None."""

    @abc.abstractmethod
    def list_groups(
        self, session: Session, wanted: Mapping[str, Any], *, user_id: str | None = None, ids: Sequence[str] | None = None
    ) -> list[GroupRecord]:
        """Groups that fit the filters; those of one user, or of a set of ids, if asked."""

    @abc.abstractmethod
    def group_ids_of(self, session: Session, user_id: str) -> list[str]:
        """Ids of the groups that a user is in."""

    @abc.abstractmethod
    def members(self, session: Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
        """Group id -> ids of the users in it; groups without users may be left out."""

    def group_filter(self, session: Session, user_id: str) -> list[str] | None:
        """The groups that count in a query on assignments; None where the query finds them by itself (SQL)."""
        return self.group_ids_of(session, user_id)

    def insert_user(self, session: Session, record: UserRecord) -> str:
        """Add a user without password; returns the id, which a store may choose. Conflict when the name is taken."""
        self.require('write')
        return record.id

    def set_password(self, session: Session, user: UserRecord, password: str) -> None:
        """Put a password in force, where the backend has no `history`."""
        self.require('write')

    def update_user(self, session: Session, user_id: str, values: Mapping[str, Any]) -> None:
        """Change fields of a user. Conflict when the name is taken."""
        self.require('write')

    def delete_user(self, session: Session, user_id: str) -> None:
        """Remove a user."""
        self.require('write')

    def insert_group(self, session: Session, record: GroupRecord) -> str:
        """Add a group; returns the id, which a store may choose. Conflict when the name is taken."""
        self.require('write')
        return record.id

    def update_group(self, session: Session, group_id: str, values: Mapping[str, Any]) -> None:
        """Change fields of a group. Conflict when the name is taken."""
        self.require('write')

    def delete_group(self, session: Session, group_id: str) -> None:
        """Remove a group."""
        self.require('write')

    def add_member(self, session: Session, user_id: str, group_id: str) -> None:
        """Put a user into a group."""
        self.require('write')

    def remove_member(self, session: Session, user_id: str, group_id: str) -> bool:
        """Take a user out of a group; False when not in it."""
        self.require('write')
        return False
