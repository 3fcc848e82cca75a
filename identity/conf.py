"""Options of the identity service."""

from __future__ import annotations

from common.config import group, option


@group('identity')
class IdentityOptions:
    """What an operator may set under `[identity]`."""

    default_domain_id: str = option('default', help='Domain of requests that name none')
    password_hash_rounds: int = option(12, min=4, max=31, help='Cost of password hashes (bcrypt): each step doubles the time')
    max_password_length: int = option(4096, min=72, help='Longer passwords are refused')
    max_project_tree_depth: int = option(5, min=1, help='How deep projects may be nested')
    cache_seconds: float = option(1.0, help='How long names and the catalog may be remembered while another process may change them')


@group('token')
class TokenOptions:
    """What an operator may set under `[token]`."""

    lifetime: int = option(3600, min=60, help='Seconds that a token is valid')
    key_directory: str = option('', help='Directory of the signing keys; empty: identity/keys below the state directory')
    allow_rescope: bool = option(True, help='Whether a scoped token may be exchanged for one with another scope')


@group('security_compliance')
class ComplianceOptions:
    """Rules for passwords; all are off by default."""

    lockout_failure_attempts: int = option(0, min=0, help='Failed logins after which a user is locked out; 0: never')
    lockout_duration: int = option(1800, min=1, help='Seconds that a lockout lasts')
    unique_last_password_count: int = option(0, min=0, help='How many passwords, the present one included, may not be used again')
    minimum_password_age: int = option(0, min=0, help='Days before a user may change the password again')
    password_expires_days: int = option(0, min=0, help='Days after which a password must be changed; 0: never')
    password_regex: str = option('', help='Pattern that new passwords must match; empty: any')
    password_regex_description: str = option('', help='The pattern in words, shown to users whose password is refused')
    change_password_upon_first_use: bool = option(False, help='Whether users must change a password that an administrator set')
