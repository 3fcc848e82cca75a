"""The identity service as handlers and commands see it: everything the domain modules need, in one object."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from common import clock
from common.config import Settings
from common.db import Database, after_commit
from common.db.session import Session
from common.errors import NotFound, Unauthorized
from common.tokens import Claims, Revocation, Revocations, SigningKeys, TokenVerifier
from identity.brute_force import BruteForceGuard
from identity.conf import (
    ApplicationCredentialOptions,
    BruteForceOptions,
    ComplianceOptions,
    CredentialOptions,
    Ec2Options,
    IdentityOptions,
    OAuthOptions,
    ReceiptOptions,
    TokenOptions,
    TotpOptions,
    TrustOptions,
)
from identity.db import clocks
from identity.db import logins as login_rows
from identity.db import oauth1 as oauth_rows
from identity.db import revocations as revocation_rows
from identity.db import trusts as trust_rows
from identity.drivers.base import BackendPlace
from identity.drivers.routing import RoutedBackend
from identity.memory import Memory
from identity.passwords import PasswordHasher, PasswordRules
from identity.receipts import Receipts
from identity.sealing import Seal
from identity.templated_catalog import TemplatedCatalog
from identity.token_providers import PROVIDERS, OpaqueTokens, TokenProvider


class IdentityService:
    """What `call.service` is in the handlers of identity.

    :param key_directory: where the signing keys are
    :param announce: tells other processes about revocations, once they are committed
    :param offload: runs a password hash off the event loop
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        *,
        key_directory: pathlib.Path,
        announce: Callable[[Sequence[Revocation]], None] = lambda events: None,
        offload: Callable[[Callable[[], Any]], Any] = lambda work: work(),
    ) -> None:
        options = settings.get(IdentityOptions)
        self.db = db
        self.options = options
        self.token_options = settings.get(TokenOptions)
        self.totp_options = settings.get(TotpOptions)
        self.trust_options = settings.get(TrustOptions)
        self.oauth_options = settings.get(OAuthOptions)
        self.ec2_options = settings.get(Ec2Options)
        self.hasher = PasswordHasher(options.password_hash_rounds, offload)
        self.rules = PasswordRules(options, settings.get(ComplianceOptions), self.hasher)
        self.users: RoutedBackend = RoutedBackend.make(BackendPlace(options.default_domain_id, settings, self.hasher, offload))
        self.application_credential_options = settings.get(ApplicationCredentialOptions)
        self.credential_options = settings.get(CredentialOptions)
        self.guard = BruteForceGuard(settings.get(BruteForceOptions))
        self.templated: TemplatedCatalog | None = None
        self.memory = Memory(options.cache_seconds)
        self.keys = SigningKeys(key_directory)
        self.seal = Seal(key_directory.parent / 'credential-keys')
        self.revocations = Revocations()
        self.signer: TokenProvider = PROVIDERS[self.token_options.provider](self.keys)
        self.verifier = TokenVerifier(self.keys, self.revocations, opaque=OpaqueTokens(self.keys).open)
        self.verifier.late = self._late
        self.receipts = Receipts(self.keys, self.revocations, settings.get(ReceiptOptions).lifetime)
        self._announce = announce
        # Called after a limit was changed, so that services which remember limits forget them.
        self.limits_changed: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A write transaction; what is remembered is forgotten when it is committed."""
        with self.db.write() as session:
            after_commit(session, self.memory.forget)
            yield session

    def read(self) -> contextlib.AbstractContextManager[Session]:
        """A session for reading."""
        return self.db.read()

    def open_token(self, token: str) -> Claims:
        """The claims of a token that somebody shows or asks about. Raises NotFound unless it is valid."""
        try:
            return self.verifier.verify(token)
        except Unauthorized as error:
            raise NotFound(message='Could not find token.', admin_detail=error.admin_detail) from error

    def _late(self, token: str) -> Claims:
        try:
            return self.open_late_token(token)
        except NotFound as error:
            raise Unauthorized(admin_detail=error.admin_detail) from error

    def open_late_token(self, token: str) -> Claims:
        """As `open_token`; a token that has ended is good for a while yet, unless it was revoked before or since. Raises NotFound."""
        missing = 'Could not find token.'
        try:
            claims = self.verifier.read(token)
        except Unauthorized as error:
            raise NotFound(message=missing, admin_detail=error.admin_detail) from error
        now = clock.timestamp()
        if claims.expires_at > now:
            return self.open_token(token)
        if claims.expires_at + self.token_options.allow_expired_window <= now:
            raise NotFound(message=missing, admin_detail='the token ended too long ago')
        with self.db.read() as session:
            if any(event.matches(claims) for event in revocation_rows.events_from(session, claims.issued_at)):
                raise NotFound(message=missing, admin_detail='the token was revoked')
        return claims

    def revoke(self, session: Session, *events: dict[str, Any]) -> None:
        """Void all tokens issued until now that match any of the events (see `common.tokens.Revocation` for their keys).

        Call it last in a transaction: a token issued before the commit, from what was true before, must not escape. An event about a
        user is one about the trusts of which the user is a party too: only one of the two is named in their tokens.
        """
        if not events:
            return
        events += tuple({'trust_id': trust_id} for trust_id in trust_rows.concerned_by(session, events))
        now = clock.now()
        expires_at = now + datetime.timedelta(seconds=self.token_options.lifetime + 60)
        written = revocation_rows.add_events(session, events, now, expires_at)
        after_commit(session, lambda: self._publish(written))

    def _publish(self, events: Sequence[Revocation]) -> None:
        self.revocations.add(events)
        self._announce(events)

    def learn_revocations(self) -> int:
        """Take in events that other processes wrote; returns how many were new."""
        with self.db.read() as session:
            events = revocation_rows.events_since(session, self.revocations.latest_id, clock.now())
        self.revocations.prune()
        return self.revocations.add(events)

    def clock_difference(self) -> float:
        """Seconds by which this host's clock is ahead of the database's; within what it takes to ask, 0.

        Tokens are issued by one host's clock and revoked by another's: a token of a host that is ahead escapes what is revoked
        within the difference.
        """
        with self.db.read() as session:
            clocks.database_time(session)  # the connection is there now, and the next answer quick
            before = clock.now()
            found = clocks.database_time(session)
            after = clock.now()
        if found is None or before <= found <= after:
            return 0.0
        return ((before if found < before else after) - found).total_seconds()

    def forget_expired(self) -> int:
        """Delete what matters no more: revocation events, trusts and OAuth tokens that are over; returns how many events."""
        now = clock.now()
        tokens_over = now - datetime.timedelta(seconds=self.token_options.lifetime + 60)
        with self.db.write() as session:
            trust_rows.forget_ended(session, tokens_over)
            oauth_rows.forget_expired(session, now, tokens_over)
            late = datetime.timedelta(seconds=self.token_options.allow_expired_window)
            login_rows.forget(session, now, tokens_over - late)
            # Services need an event while the token lives; identity is asked about it for longer.
            return revocation_rows.delete_expired(session, now - late)
