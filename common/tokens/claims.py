"""What a token says, and its packing into a few bytes.

Layout of the packed claims, big-endian:

    flags  1   scope (0 none, 1 project, 2 domain, 3 system)
    methods 2  bit set of the known authentication methods
    roles  1   bit set of the well-known roles
    issued 6   milliseconds since the epoch
    expires 6  milliseconds since the epoch
    then items: tag 1, length 1, value (an identifier of 32 hex digits is packed into 16 bytes: its tag has bit 0x40)

A tag with bit 0x80 is critical: a reader that does not know it refuses the token. So restrictions can be added later
without an old service overlooking them.
"""

from __future__ import annotations

import base64
import dataclasses
import struct
from typing import Any

from common.context import Context
from common.errors import Unauthorized
from common.ids import is_hex_id

METHODS = (
    'password',
    'token',
    'external',
    'totp',
    'application_credential',
    'ec2credential',
    'oauth1',
    'mapped',
    'openid',
    'trust',
    'webauthn',
)
WELL_KNOWN_ROLES = ('admin', 'manager', 'member', 'reader', 'service')

_HEAD = struct.Struct('>BHB')
_HEAD_SIZE = _HEAD.size + 12
_SCOPES = (None, 'project', 'domain', 'system')
_PACKED = 0x40
_CRITICAL = 0x80
_TAGS = {
    1: 'user_id',
    2: 'user_domain_id',
    3: 'project_id',
    4: 'project_domain_id',
    5: 'domain_id',
    6: 'user_name',
    7: 'project_name',
    8: 'audit_id',
    9: 'role',
    10: 'system_scope',
    11: 'credential_mark',
    _CRITICAL | 1: 'trust_id',
    _CRITICAL | 2: 'application_credential_id',
    _CRITICAL | 3: 'access_rules_digest',
    _CRITICAL | 4: 'access_token_id',
    _CRITICAL | 5: 'role_set',
}
_TAG_OF = {name: tag for tag, name in _TAGS.items()}
_MAX_VALUE = 255
_RESTS_ON = ('trust_id', 'application_credential_id', 'access_rules_digest', 'access_token_id', 'credential_mark', 'role_set')


@dataclasses.dataclass(frozen=True, slots=True)
class Claims:
    """Who the bearer is, where, with which roles and until when.

    `issued_at` and `expires_at` are seconds since the epoch (to the millisecond). The names are there for logs and
    displays, and only where they are short; `audit_ids` are the token's own and, of a token that came from another, the
    first one's of that chain. `credential_mark` stands for a credential (an access key, a seed of codes) that the token was had with.
    `role_set` stands in a token for names of roles that do not fit into it (`common.tokens.role_sets`); `roles` are then those that it stands for.
    """

    user_id: str
    user_domain_id: str
    issued_at: float
    expires_at: float
    methods: tuple[str, ...] = ('password',)
    audit_ids: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    project_id: str | None = None
    project_domain_id: str | None = None
    domain_id: str | None = None
    system_scope: str | None = None
    user_name: str | None = None
    project_name: str | None = None
    trust_id: str | None = None
    application_credential_id: str | None = None
    access_rules_digest: str | None = None
    access_token_id: str | None = None
    credential_mark: str | None = None
    role_set: str | None = None

    @property
    def scope(self) -> str | None:
        """`project`, `domain`, `system`, or None for an unscoped token."""
        if self.project_id:
            return 'project'
        if self.domain_id:
            return 'domain'
        return 'system' if self.system_scope else None

    def context(self, request_id: str, global_request_id: str | None = None, **rest: Any) -> Context:
        """The context of a request that came with this token."""
        return Context(
            request_id=request_id,
            global_request_id=global_request_id or request_id,
            user_id=self.user_id,
            user_name=self.user_name,
            user_domain_id=self.user_domain_id,
            project_id=self.project_id,
            project_name=self.project_name,
            project_domain_id=self.project_domain_id,
            domain_id=self.domain_id,
            system_scope=self.system_scope,
            roles=self.roles,
            methods=self.methods,
            audit_ids=self.audit_ids,
            expires_at=self.expires_at,
            trust_id=self.trust_id,
            application_credential_id=self.application_credential_id,
            **rest,
        )

    def pack(self) -> bytes:
        """The claims as bytes; names are included as they are, see `fitted`."""
        methods = sum(1 << METHODS.index(name) for name in set(self.methods))
        roles = sum(1 << i for i, name in enumerate(WELL_KNOWN_ROLES) if name in self.roles)
        out = [_HEAD.pack(_SCOPES.index(self.scope), methods, roles), _milliseconds(self.issued_at), _milliseconds(self.expires_at)]
        for name in ('user_id', 'user_domain_id', 'project_id', 'project_domain_id', 'domain_id', 'system_scope'):
            _append(out, name, getattr(self, name))
        for audit_id in self.audit_ids:
            raw = base64.urlsafe_b64decode(audit_id + '==')
            out.append(bytes((_TAG_OF['audit_id'], len(raw))) + raw)
        for role in sorted(self.roles.difference(WELL_KNOWN_ROLES)) if self.role_set is None else ():
            _append(out, 'role', role)
        for name in (*_RESTS_ON, 'user_name', 'project_name'):
            _append(out, name, getattr(self, name))
        return b''.join(out)

    def fitted(self, size: int) -> Claims:
        """The claims without those names that would make the packed form longer than `size` bytes."""
        claims = self
        for name in ('project_name', 'user_name'):
            if len(claims.pack()) <= size:
                break
            shorter: dict[str, Any] = {name: None}
            claims = dataclasses.replace(claims, **shorter)
        return claims


def _milliseconds(seconds: float) -> bytes:
    return round(seconds * 1000).to_bytes(6, 'big')


def _append(out: list[bytes], name: str, value: str | None) -> None:
    if value is None:
        return
    tag = _TAG_OF[name]
    if is_hex_id(value):
        raw, tag = bytes.fromhex(value), tag | _PACKED
    else:
        raw = value.encode()
    if len(raw) > _MAX_VALUE:
        if name in ('user_name', 'project_name'):
            return
        raise ValueError(f'{name} is too long for a token')
    out.append(bytes((tag, len(raw))) + raw)


def unpack(data: bytes) -> Claims:
    """The claims that `pack` wrote. Raises Unauthorized for anything else."""
    try:
        return _unpack(data)
    except (ValueError, IndexError, struct.error, TypeError) as error:
        raise Unauthorized(admin_detail=f'malformed token: {error}') from error


def _unpack(data: bytes) -> Claims:
    scope, methods, role_bits = _HEAD.unpack_from(data)
    values: dict[str, Any] = {}
    roles = {name for i, name in enumerate(WELL_KNOWN_ROLES) if role_bits & 1 << i}
    audit_ids: list[str] = []
    position = _HEAD_SIZE
    while position < len(data):
        tag, length = data[position], data[position + 1]
        raw = data[position + 2 : position + 2 + length]
        if len(raw) != length:
            raise ValueError('cut short')
        position += 2 + length
        name = _TAGS.get(tag & ~_PACKED)
        if name is None:
            if tag & _CRITICAL:
                raise ValueError(f'unknown restriction {tag}')
        elif name == 'audit_id':
            audit_ids.append(base64.urlsafe_b64encode(raw).rstrip(b'=').decode())
        elif name == 'role':
            roles.add(raw.hex() if tag & _PACKED else raw.decode())
        else:
            values[name] = raw.hex() if tag & _PACKED else raw.decode()
    claims = Claims(
        issued_at=int.from_bytes(data[_HEAD.size : _HEAD.size + 6], 'big') / 1000,
        expires_at=int.from_bytes(data[_HEAD.size + 6 : _HEAD_SIZE], 'big') / 1000,
        methods=tuple(name for i, name in enumerate(METHODS) if methods & 1 << i),
        roles=frozenset(roles),
        audit_ids=tuple(audit_ids),
        **values,
    )
    if claims.scope != _SCOPES[scope]:
        raise ValueError('scope does not match')
    return claims
