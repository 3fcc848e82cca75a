"""Codes that change every 30 seconds, as authenticator apps show them (RFC 6238: SHA-1, six digits)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

from common import clock
from common.db.session import Session
from identity.db import credentials as rows
from identity.service import IdentityService

TOTP = 'totp'
_STEP = 30  # seconds
_DIGITS = 6
_DEVICES = 32  # of one user that are looked at


def seed_of(blob: str) -> bytes | None:
    """The seed that a credential of type `totp` holds: base32, in either case, with or without padding and blanks; None for other text."""
    text = ''.join(blob.split()).rstrip('=').upper()
    try:
        return base64.b32decode(text + '=' * (-len(text) % 8)) or None
    except (binascii.Error, ValueError):
        return None


def code(seed: bytes, step: int) -> str:
    """The code of one step, counted from the epoch (RFC 4226, section 5.3)."""
    digest = hmac.digest(seed, step.to_bytes(8, 'big'), hashlib.sha1)
    offset = digest[-1] & 0xF
    return f'{(int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF) % 10**_DIGITS:0{_DIGITS}d}'


def accept(service: IdentityService, user_id: str | None, given: str) -> str | None:
    """The id of the credential whose device shows this code now, or showed it a little earlier, if it has not been used; else None.

    A code that is accepted is spent, and all before it, for every process. An unknown user (None) takes as long as a known one.
    """
    with service.read() as session:
        known = rows.list_credentials(session, {'user_id': user_id, 'type': TOTP}) if user_id else []
        seeds = [(row.id, row.last_step, service.seal.open(row.sealed)) for row in known[:_DEVICES]]
    if not seeds:
        service.seal.seal('nobody')
        seeds = [('', None, base64.b32encode(os.urandom(20)).decode())]
    fits = _fitting(seeds, given, service.totp_options.included_previous_windows)
    return fits[0][0] if fits and _spend(service, fits) else None


def _fitting(seeds: list[tuple[str, int | None, str]], given: str, earlier: int) -> list[tuple[str, int]]:
    """The credentials, each with its latest step, that have this code; all of them are tried."""
    now = int(clock.timestamp()) // _STEP
    found: dict[str, int] = {}
    for credential_id, spent, blob in seeds:
        seed = seed_of(blob)
        for step in range(now, now - earlier - 1, -1):
            same = hmac.compare_digest(code(seed or b'\0', step).encode(), given.encode())
            if same and seed is not None and credential_id and (spent is None or spent < step):
                found.setdefault(credential_id, step)
    return sorted(found.items())


def _spend(service: IdentityService, fits: list[tuple[str, int]]) -> bool:
    """Void a code for all devices that show it: a seed may have been given twice. False when it is void already for one of them."""

    def mark(session: Session) -> bool:
        spent = [rows.advance_step(session, credential_id, step) for credential_id, step in fits]
        return all(spent)

    return bool(service.db.transaction(mark))
