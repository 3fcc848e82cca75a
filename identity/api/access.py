"""Who may do what in identity: the phrases that the rules of its resources are made of, and asking them.

Three kinds of callers: the cloud's administrators (role admin on any project, or on the system), those of one domain (role
admin or manager on it), and everybody else, who may look at what is their own.
"""

from __future__ import annotations

from typing import Any

from common.api.call import Call
from common.errors import Forbidden, NotFound
from common.policy import Rule
from identity import application_credentials

CLOUD = ('system', 'project')
"""Scopes of rules for the whole cloud: an administrator of one domain is none of the cloud."""

CLOUD_ADMIN = '(role:admin and not domain_id:%(caller_domain_id)s)'
CLOUD_SERVICE = '(role:service and not domain_id:%(caller_domain_id)s)'
SYSTEM_READER = '(role:reader and system_scope:all)'
DOMAIN_MANAGER = '(role:manager and domain_id:%(domain_id)s)'
DOMAIN_READER = '(role:reader and domain_id:%(domain_id)s)'
SELF = 'user_id:%(user_id)s'

ADMIN_OR_SYSTEM_READER = f'{CLOUD_ADMIN} or {SYSTEM_READER}'
_OVER_ACCOUNT = f"({DOMAIN_MANAGER} and ('no':%(administers)s or role:admin))"
MANAGE_ACCOUNT = f"{CLOUD_ADMIN} or ({_OVER_ACCOUNT} and ('domain':%(reach)s or 'abroad':%(reach)s))"
"""Change or take away an account or group: not one that reaches the cloud (`identity.reach`), nor, for a manager, the domain's admin."""
TAKE_OVER = f"{CLOUD_ADMIN} or ({_OVER_ACCOUNT} and 'domain':%(reach)s)"
"""Do what lets somebody act as the account, or as a member of the group: not where that would open more than the domain."""
READ = f'{CLOUD_ADMIN} or {SYSTEM_READER} or {DOMAIN_READER}'
MANAGE = f'{CLOUD_ADMIN} or {DOMAIN_MANAGER}'


def admin_rule(name: str, description: str) -> Rule:
    """A rule for administrators of the cloud alone."""
    return Rule(name, 'role:admin', description, scopes=CLOUD)


def reader_rule(name: str, description: str) -> Rule:
    """A rule for administrators and auditors of the cloud."""
    return Rule(name, 'role:admin or (role:reader and system_scope:all)', description, scopes=CLOUD)


def target(call: Call, **values: Any) -> dict[str, Any]:
    """What a rule is asked about: the record's `domain_id`, `user_id`, `project_id`..., and the caller's domain."""
    return {'caller_domain_id': call.ctx.domain_id, **values}


def authorize(call: Call, rule: str, **values: Any) -> None:
    """Raises Forbidden unless the caller may do this to what has these values."""
    call.authorize(rule, target(call, **values))


def user_in_path(call: Call, rule: Rule) -> str:
    """The user of the path. Raises Forbidden unless the caller may do this to what is that user's."""
    user_id = call.params['user_id']
    authorize(call, rule.name, user_id=user_id)
    return user_id


def unseen(call: Call, rule: str, error: NotFound) -> Exception:
    """What to raise for a thing that does not exist: who may not look must not learn even that."""
    return error if call.allowed(rule, target(call)) else Forbidden(f"Policy doesn't allow {rule} to be performed.", details={'rule': rule})


def domain_of_list(call: Call, rule: str, wanted: str | None) -> str | None:
    """The domain that a list must be limited to, given the one that the request names. Raises Forbidden."""
    domain_id = wanted if wanted is not None or call.ctx.domain_id is None else call.ctx.domain_id
    authorize(call, rule, domain_id=domain_id)
    return domain_id


def refuse_delegated(call: Call) -> None:
    """Raises Forbidden for callers that act by a trust, by OAuth, or by a restricted application credential.

    They neither make secrets that last nor read them: an access key opens more than was delegated, and for longer.
    """
    application_credentials.check_may_manage(call.service, call.ctx)
