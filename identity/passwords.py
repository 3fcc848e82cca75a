"""Password hashes, and the rules that an operator may set for passwords."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Callable
from typing import Any

import bcrypt

from common import clock
from common.db.session import Session
from common.errors import Forbidden, InvalidInput, Unauthorized
from identity.conf import ComplianceOptions, IdentityOptions
from identity.db import users as user_rows
from identity.records import UserRecord

# bcrypt reads 72 bytes at most; the digest in between lets every byte of a long password count.
_DIGEST = 'bcrypt-sha256'
_LEAST_ROUNDS = 4


class PasswordHasher:
    """Makes and checks password hashes.

    :param rounds: bcrypt's cost
    :param offload: runs a function off the event loop, where there is one. The hash itself runs without the GIL.
    """

    def __init__(self, rounds: int, offload: Callable[[Callable[[], Any]], Any] = lambda work: work()) -> None:
        self._rounds = rounds
        self._offload = offload
        # The form of a hash, of no password at all: checking against it costs what any check does.
        self._nobody = f'{_DIGEST}$2b${rounds:02d}${"." * 53}'

    def hash(self, password: str, *, generated: bool = False) -> str:
        """The hash to store. A generated secret, which nobody can guess, gets a cheap one."""
        rounds = _LEAST_ROUNDS if generated else self._rounds
        hashed: str = self._offload(lambda: f'{_DIGEST}{bcrypt.hashpw(_digest(password), bcrypt.gensalt(rounds)).decode()}')
        return hashed

    def check(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one that was hashed. A wrong one takes as long when there is no stored hash, or a cheap one."""
        if stored is not None and self._offload(lambda: _matches(password, stored)):
            return True
        if stored is None or int(stored.split('$')[2]) < self._rounds:
            self._offload(lambda: _matches(password, self._nobody))
        return False


def _digest(password: str) -> bytes:
    return base64.b64encode(hashlib.sha256(password.encode()).digest())


def _matches(password: str, stored: str) -> bool:
    if stored.startswith(_DIGEST):
        return bcrypt.checkpw(_digest(password), stored.removeprefix(_DIGEST).encode())
    # Hashes brought from another cloud: plain bcrypt, which never looked past 72 bytes.
    return bcrypt.checkpw(password.encode()[:72], stored.encode())


class PasswordRules:
    """What an operator demands of passwords and of those who try them."""

    def __init__(self, options: IdentityOptions, rules: ComplianceOptions, hasher: PasswordHasher) -> None:
        self._options = options
        self._rules = rules
        self._hasher = hasher
        self._pattern = re.compile(rules.password_regex) if rules.password_regex else None

    @property
    def keep(self) -> int:
        """How many hashes to keep per user."""
        return max(self._rules.unique_last_password_count, 1)

    def check_new(self, password: str) -> None:
        """Refuse a password that is too long or does not match the pattern (InvalidInput)."""
        if len(password.encode()) > self._options.max_password_length:
            raise InvalidInput(f'The password has more than {self._options.max_password_length} bytes.', field='password')
        if self._pattern and not self._pattern.match(password):
            why = self._rules.password_regex_description or 'it does not match the required pattern'
            raise InvalidInput(f'The password does not match the requirements: {why}.', field='password')

    def check_not_reused(self, password: str, hashes: list[str]) -> None:
        """Refuse a password that is among the user's last ones (InvalidInput)."""
        count = self._rules.unique_last_password_count
        for stored in hashes[:count]:
            if self._hasher.check(password, stored):
                raise InvalidInput(
                    f'The new password cannot be identical to a previous password. The total number which includes the new password must be unique is {count}.',
                    field='password',
                )

    def check_age(self, user: UserRecord) -> None:
        """Refuse a change by the user too soon after the one before (InvalidInput)."""
        days = self._rules.minimum_password_age
        if days and user.password_created_at and not _must_change(user):
            until = user.password_created_at + datetime.timedelta(days=days)
            if clock.now() < until:
                raise InvalidInput(f'The password cannot be changed before {clock.iso(until)}.', field='password')

    def expiry(self, user: UserRecord, *, set_by_admin: bool) -> datetime.datetime | None:
        """When a password set now ends; None: never."""
        if set_by_admin and self._rules.change_password_upon_first_use and not user.options.get('ignore_change_password_upon_first_use'):
            return clock.now()
        if self._rules.password_expires_days and not user.options.get('ignore_password_expiry'):
            return clock.now() + datetime.timedelta(days=self._rules.password_expires_days)
        return None

    def locked_out(self, user: UserRecord) -> bool:
        """Whether the user has failed too often of late."""
        limit = self._rules.lockout_failure_attempts
        if not limit or user.failed_logins < limit or user.failed_at is None or user.options.get('ignore_lockout_failure_attempts'):
            return False
        return clock.now() < user.failed_at + datetime.timedelta(seconds=self._rules.lockout_duration)

    @property
    def counts_failures(self) -> bool:
        """Whether failed logins are to be written down."""
        return self._rules.lockout_failure_attempts > 0

    def after_failure(self, session: Session, user: UserRecord) -> None:
        """Count a failed login; a lockout that is over starts the count anew."""
        limit = self._rules.lockout_failure_attempts
        if user.failed_logins >= limit and not self.locked_out(user):
            user_rows.update_user(session, user.id, {'failed_logins': 1, 'failed_at': clock.now()})
        else:
            user_rows.count_failed_login(session, user.id, clock.now())

    def check_not_expired(self, user: UserRecord) -> None:
        """Refuse a login with a password that must be changed (Unauthorized)."""
        expires_at = user.password_expires_at
        if expires_at is not None and expires_at <= clock.now() and not user.options.get('ignore_password_expiry'):
            raise Unauthorized(f'The password is expired and needs to be changed for user: {user.id}.')


def _must_change(user: UserRecord) -> bool:
    return user.password_expires_at is not None and user.password_expires_at <= clock.now()


def check_options_allow_change(user: UserRecord) -> None:
    """Refuse a change of the own password where the user is locked to it (Forbidden)."""
    if user.options.get('lock_password'):
        raise Forbidden('The password of this user is locked and cannot be changed by the user.')
