"""From what a client shows to the claims of its token."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

from common import clock
from common.context import Context
from common.db.session import Session
from common.errors import InvalidInput, Unauthorized
from common.tokens import Claims, new_audit_id
from identity import trusts
from identity.brute_force import names_in, weight_of
from identity.db import assignments as assignment_rows
from identity.db import projects as project_rows
from identity.methods import Proof
from identity.methods.password import forget_failures
from identity.methods.registry import METHODS
from identity.records import DomainRef, ProjectRef, RoleRef
from identity.service import IdentityService

_COUNTED = frozenset({'password', 'totp'})  # methods whose failures may lock a user out


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """Where a token is good, and the user's roles there."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: bool = False
    roles: Sequence[RoleRef] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Authenticated:
    """A finished authentication: the claims to sign, and the records behind them."""

    claims: Claims
    proof: Proof
    scope: Scope


def authenticate(service: IdentityService, ctx: Context, identity: dict[str, Any], scope: Any, receipt: str | None = None) -> Authenticated:
    """Check all methods that the request names and find the scope.

    :param identity: `auth.identity` of the request
    :param scope: `auth.scope` of the request, None when it names none
    :param receipt: of methods that were shown before
    :raises MoreMethodsNeeded: when all is right but the user's rules ask for more
    :raises Unauthorized: for anything that does not fit, without telling what
    :raises TooManyRequests: for users and addresses that failed too often of late
    """
    began = clock.timestamp()
    proof, methods = service.guard.around(
        ctx.remote_address, names_in(identity), lambda: _proven(service, ctx, identity, receipt, began), weight_of(identity)
    )
    return finish(service, proof, methods, scope, began)


def finish(service: IdentityService, proof: Proof, methods: Sequence[str], scope: Any, began: float) -> Authenticated:
    """The claims of somebody who has proved who they are with these methods, in the scope that is asked for. Raises Unauthorized.

    :param began: when the proof began, in seconds since the epoch. It is when the token counts as issued: what was revoked while a
        password was compared, or roles were read, is later than this token
    """
    if proof.scope is not None and scope is not None:
        raise Unauthorized('The request must not name a scope: what was shown, such as an application credential, has its own.')
    with service.read() as session:
        trust_id = _trust_id(proof.scope or scope)
        granted = trusts.grant(service, session, proof, trust_id) if trust_id else None
        if granted is not None:
            proof, found = granted.proof, Scope(project=granted.project, roles=granted.roles)
        else:
            found = _scope(service, session, proof, proof.scope or scope)
    if granted is not None:
        trusts.spend(service, granted.trust)
    parent = proof.parent
    expires_at = began + service.token_options.lifetime
    if parent is not None:
        expires_at = min(expires_at, parent.expires_at)
    if proof.expires_at is not None:
        expires_at = min(expires_at, proof.expires_at)
    claims = Claims(
        user_id=proof.user.id,
        user_domain_id=proof.domain.id,
        user_name=proof.user.name,
        issued_at=round(began, 3),
        expires_at=math.floor(expires_at * 1000 + 0.001) / 1000,
        methods=tuple(methods),
        audit_ids=(new_audit_id(), parent.audit_ids[-1]) if parent and parent.audit_ids else (new_audit_id(),),
        roles=frozenset(role.name for role in found.roles),
        project_id=found.project.id if found.project else None,
        project_name=found.project.name if found.project else None,
        project_domain_id=found.project.domain.id if found.project else None,
        domain_id=found.domain.id if found.domain else None,
        system_scope='all' if found.system else None,
        **proof.claims,
    )
    return Authenticated(claims, proof, found)


def _trust_id(wanted: Any) -> str | None:
    """The trust that a scope names, if it does. Raises InvalidInput."""
    if not isinstance(wanted, dict) or trusts.SCOPE not in wanted:
        return None
    trust_id = wanted[trusts.SCOPE].get('id')
    if not trust_id:
        raise InvalidInput('The id of the trust is missing.', field=f'auth.scope.{trusts.SCOPE}')
    return str(trust_id)


def _proven(service: IdentityService, ctx: Context, identity: dict[str, Any], receipt: str | None, began: float) -> tuple[Proof, list[str]]:
    """What the methods of a request prove, and all methods that count: those of its token and its receipt too."""
    before = service.receipts.open(receipt) if receipt else None
    named = list(dict.fromkeys(identity['methods']))
    proof = _prove(service, ctx, named, identity)
    if before is not None and before.user_id != proof.user.id:
        raise Unauthorized(admin_detail='the receipt is for another user')
    if before is not None and before.credential_mark:
        proof = dataclasses.replace(proof, claims={'credential_mark': before.credential_mark, **proof.claims})
    earlier = [*(proof.parent.methods if proof.parent else ()), *(before.methods if before else ())]
    methods = list(dict.fromkeys([*earlier, *named]))
    _check_factors(service, proof, methods, before, began)
    if not _COUNTED.isdisjoint(named):
        forget_failures(service, proof.user)
    return proof, methods


def _check_factors(service: IdentityService, proof: Proof, methods: Sequence[str], before: Claims | None, began: float) -> None:
    """Refuse where the user has rules on which methods belong together, and those used fit none of them.

    As Keystone: rules hold unless they are switched off, and a rule that is no list of texts does not count. Raises MoreMethodsNeeded
    where the methods are part of a rule, else Unauthorized.
    """
    user = proof.user
    if user.options.get('multi_factor_auth_enabled') is False:
        return
    given = user.options.get('multi_factor_auth_rules') or []
    rules = [rule for rule in given if isinstance(rule, list) and rule and all(isinstance(name, str) for name in rule)]
    if not rules or any(set(rule) <= set(methods) for rule in rules):
        return
    begun = [rule for rule in rules if set(rule) & set(methods)]
    # A receipt tells methods, not the limits of what was shown: those must be shown together with the rest.
    if begun and proof.scope is None and proof.roles is None and proof.parent is None:
        mark = proof.claims.get('credential_mark')
        raise service.receipts.needed(user, proof.domain, methods, begun, before=before, began=began, credential_mark=mark)
    raise Unauthorized(admin_detail=f'user {user.id} has to use more methods together')


def _prove(service: IdentityService, ctx: Context, methods: list[str], identity: dict[str, Any]) -> Proof:
    proofs = []
    for name in methods:
        method = METHODS.get(name)
        if method is None:
            raise Unauthorized(f'Attempted to authenticate with an unsupported method. Known are: {", ".join(sorted(METHODS))}.')
        if name not in identity:
            raise InvalidInput(f'Expecting to find {name} in identity.', field=name)
        proofs.append(method(service, ctx, identity[name]))
    if not proofs:
        raise Unauthorized()
    return functools.reduce(Proof.limited_by, proofs)


def _scope(service: IdentityService, session: Session, proof: Proof, wanted: Any) -> Scope:
    if wanted is None:
        return _default_scope(service, session, proof)
    if wanted == 'unscoped' or 'unscoped' in wanted:
        return Scope()
    if 'project' in wanted:
        project = find_project(session, wanted['project'])
        if project is None or not project.enabled or not project.domain.enabled:
            raise Unauthorized(admin_detail='the project is unknown or disabled')
        return Scope(project=project, roles=_roles(service, session, proof, 'project', project.id))
    if 'domain' in wanted:
        reference = wanted['domain']
        domain = project_rows.find_domain_ref(session, id=reference.get('id'), name=reference.get('name'))
        if domain is None or not domain.enabled:
            raise Unauthorized(admin_detail='the domain is unknown or disabled')
        return Scope(domain=domain, roles=_roles(service, session, proof, 'domain', domain.id))
    if wanted.get('system', {}).get('all'):
        return Scope(system=True, roles=_roles(service, session, proof, 'system', assignment_rows.SYSTEM))
    raise Unauthorized(admin_detail='unknown scope')


def find_project(session: Session, reference: dict[str, Any]) -> ProjectRef | None:
    """The project that a request names by id, or by name and domain."""
    if reference.get('id'):
        return project_rows.project_ref(session, reference['id'])
    of = reference.get('domain') or {}
    domain = project_rows.find_domain_ref(session, id=of.get('id'), name=of.get('name'))
    return project_rows.find_project_ref(session, reference['name'], domain.id) if domain else None


def _default_scope(service: IdentityService, session: Session, proof: Proof) -> Scope:
    """The user's default project where that is possible, else no scope. A token shown for another stays unscoped."""
    project_id = proof.user.default_project_id
    if project_id is None or proof.parent is not None:
        return Scope()
    project = project_rows.project_ref(session, project_id)
    if project is None or not project.enabled or not project.domain.enabled:
        return Scope()
    roles = _held(service, session, proof, 'project', project.id)
    return Scope(project=project, roles=roles) if roles else Scope()


def _roles(service: IdentityService, session: Session, proof: Proof, kind: str, target_id: str) -> list[RoleRef]:
    roles = _held(service, session, proof, kind, target_id)
    if not roles:
        raise Unauthorized(admin_detail=f'user {proof.user.id} has no role on {kind} {target_id}')
    return roles


def _held(service: IdentityService, session: Session, proof: Proof, kind: str, target_id: str) -> list[RoleRef]:
    groups = service.users.group_filter(session, proof.user.id)
    roles = assignment_rows.effective_roles(session, proof.user.id, kind, target_id, groups)
    return roles if proof.roles is None else [role for role in roles if role.name in proof.roles]
