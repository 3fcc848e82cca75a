"""Key pairs: public keys of users, made here or brought along. A private key is given once and kept nowhere."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from common.clock import now
from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound, OverQuota
from compute import certificates
from compute.db import keypairs as queries
from compute.db.models import KeyPair

if TYPE_CHECKING:
    from compute.service import ComputeService

_NAME = re.compile(r'[a-zA-Z0-9 _@.-]{1,255}\Z')


def create(
    service: ComputeService, ctx: Context, user_id: str, name: str, public_key: str | None, kind: str = 'ssh'
) -> tuple[KeyPair, str | None]:
    """Keep a public key (`kind` ssh) or certificate (x509), or make a pair and give the private half too.

    Raises InvalidInput, Conflict, OverQuota.
    """
    if not _NAME.match(name) or name != name.strip():
        raise InvalidInput('A key pair name has 1 to 255 letters, digits, spaces or any of _ - @ . and no space at its ends.', field='name')
    private: str | None = None
    if public_key is None:
        private, public_key = _generate(name) if kind == 'ssh' else certificates.generate(user_id, name)
    told = fingerprint(public_key) if kind == 'ssh' else certificates.fingerprint(public_key)
    pair = KeyPair(user_id=user_id, name=name, type=kind, public_key=public_key, fingerprint=told, created_at=now())
    limit = service.options.quota_key_pairs
    with service.db.write() as session:
        if queries.get(session, user_id, name) is not None:
            raise Conflict(f"Key pair '{name}' already exists.")
        used = queries.count(session, user_id)
        if 0 <= limit <= used:
            raise OverQuota('key_pairs', limit=limit, used=used, message='Quota exceeded, too many key pairs.')
        session.add(pair)
    return pair, private


def _generate(name: str) -> tuple[str, str]:
    """(private key in OpenSSH's form, public key)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), f'{public.decode()} Generated-by-Pileus'


def fingerprint(public_key: str) -> str:
    """MD5 of the key's bytes, as clients show it. Raises InvalidInput for text that is no OpenSSH public key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        load_ssh_public_key(public_key.strip().encode())
        data = base64.b64decode(public_key.split()[1])
    except (ValueError, IndexError, UnsupportedAlgorithm):
        raise InvalidInput(
            'Keypair data is invalid: failed to generate fingerprint. Give a public key in the form of OpenSSH.', field='public_key'
        ) from None
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return ':'.join(digest[i : i + 2] for i in range(0, 32, 2))


def find(service: ComputeService, user_id: str, name: str) -> KeyPair:
    """One key pair of a user. Raises NotFound."""
    with service.db.read() as session:
        pair = queries.get(session, user_id, name)
    if pair is None:
        raise NotFound('keypair', name, message=f'Keypair {name[:255]} not found for user {user_id}')
    return pair


def delete(service: ComputeService, user_id: str, name: str) -> None:
    """Forget a key pair; servers keep the key they were made with. Raises NotFound."""
    with service.db.write() as session:
        if not queries.remove(session, user_id, name):
            raise NotFound('keypair', name, message=f'Keypair {name[:255]} not found for user {user_id}')
