"""Signed tokens: made by identity, checked by every service without a round trip."""

from __future__ import annotations

from common.tokens.access_rules import AccessRule, RuleBook
from common.tokens.claims import Claims
from common.tokens.feed import RevocationFeed, take_in
from common.tokens.keys import KeySource, PublishedKeys, SigningKeys
from common.tokens.opaque import AskIdentity
from common.tokens.revocations import Revocation, Revocations
from common.tokens.role_sets import RoleSets
from common.tokens.sign import TokenSigner, new_audit_id
from common.tokens.verify import TokenVerifier

__all__ = [
    'AccessRule',
    'AskIdentity',
    'Claims',
    'KeySource',
    'PublishedKeys',
    'Revocation',
    'RevocationFeed',
    'Revocations',
    'RoleSets',
    'RuleBook',
    'SigningKeys',
    'TokenSigner',
    'TokenVerifier',
    'new_audit_id',
    'take_in',
]
