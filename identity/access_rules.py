"""Access rules of users: kept until deleted, shared by the application credentials that use them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from common.db import duplicate_as
from common.db.session import Session
from common.errors import Conflict, Forbidden, NotFound
from common.tokens.access_rules import AccessRule
from identity.db import application_credential_models as models
from identity.db import application_credentials as rows
from identity.db.retry import retried
from identity.delegation import check_room
from identity.service import IdentityService


@dataclasses.dataclass(frozen=True, slots=True)
class AccessRuleRecord:
    """An access rule of a user; see `common.tokens.access_rules` for what it says."""

    id: str
    user_id: str
    service: str
    method: str
    path: str


def record_of(row: models.AccessRule) -> AccessRuleRecord:
    """The record of a row."""
    return AccessRuleRecord(row.id, row.user_id, row.service, row.method, row.path)


def list_all(service: IdentityService, user_id: str, wanted: Mapping[str, Any]) -> list[AccessRuleRecord]:
    """The access rules of a user that fit the filters `service`, `method`, `path`."""
    with service.read() as session:
        return [record_of(row) for row in rows.list_rules(session, user_id, wanted)]


def get(service: IdentityService, user_id: str, rule_id: str) -> AccessRuleRecord:
    """One access rule of a user. Raises NotFound."""
    with service.read() as session:
        return record_of(_find(session, user_id, rule_id))


def _find(session: Session, user_id: str, rule_id: str) -> models.AccessRule:
    row = session.get(models.AccessRule, rule_id)
    if row is None or row.user_id != user_id:
        raise NotFound('access rule', rule_id)
    return row


@retried
def delete(service: IdentityService, user_id: str, rule_id: str) -> None:
    """Forget an access rule. Raises NotFound, Forbidden while an application credential uses it."""
    with service.write() as session:
        row = _find(session, user_id, rule_id)
        in_use = Forbidden(f'The access rule {rule_id} cannot be deleted: an application credential uses it.')
        if rows.in_use(session, rule_id):
            raise in_use
        # A credential that came to use it meanwhile is known by the foreign key.
        with duplicate_as(session, in_use):
            session.delete(row)
            session.flush()


def take(service: IdentityService, session: Session, user_id: str, wanted: Sequence[Mapping[str, Any]]) -> list[AccessRuleRecord]:
    """The user's access rules that are wanted, by id or by what they say; what is not there yet is made.

    :raises NotFound: an access rule
    :raises OverQuota: the user would have more than are allowed
    """
    if not wanted:
        return []
    known = {AccessRule(row.service, row.method, row.path): row for row in rows.list_rules(session, user_id, {})}
    by_id = {row.id: row for row in known.values()}
    taken: dict[str, AccessRuleRecord] = {}
    for one in wanted:
        if one.get('id'):
            if one['id'] not in by_id:
                raise NotFound('access rule', one['id'])
            row = by_id[one['id']]
        else:
            rule = AccessRule(one['service'], one['method'], one['path'])
            if rule not in known:
                limit = service.application_credential_options.access_rule_limit
                check_room(limit, lambda: len(known), 'access rule')
                with duplicate_as(session, Conflict('The same access rule was made at this moment. Try again.')):
                    known[rule] = rows.add_rule(session, user_id, rule)
            row = known[rule]
        taken[row.id] = record_of(row)
    return list(taken.values())


def by_digest(service: IdentityService, digest: str) -> list[dict[str, str]]:
    """What the digest in a token stands for: the rules as `service`, `method` and `path`. Raises NotFound."""
    with service.read() as session:
        found = rows.rules_by_digest(session, digest)
    if not found:
        raise NotFound('set of access rules', digest)
    return [{'service': rule.service, 'method': rule.method, 'path': rule.path} for rule in found]
