"""Giving roles to users and groups on projects, domains and the system, and taking them back.

The sixteen addresses differ only in who gets the role, where, and whether it is inherited: they are made from a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.api.call import Call
from common.api.resource import DELETE, GET, HEAD, PUT, Resource, Route
from common.errors import NotFound
from common.policy import Rule
from identity import assignments, projects, roles, users
from identity.api import access
from identity.api.roles import role_view
from identity.db.assignments import SYSTEM, Grant
from identity.reach import OF_CLOUD

# The manager of a domain gives the roles below the own one, and only those. Its admin gives all but what would make an administrator
# or a service of the cloud: the roles admin and service are that on any project.
_GIVABLE = "('manager':%(role_name)s or 'member':%(role_name)s or 'reader':%(role_name)s)"
_ADMIN = "(role:admin and domain_id:%(domain_id)s and not 'cloud':%(reach)s)"
_GIVE = f'{access.CLOUD_ADMIN} or {_ADMIN} or (role:manager and domain_id:%(domain_id)s and {_GIVABLE})'
SEE = Rule('identity:grants:list', access.READ, 'See the roles of a user or group on a target')
GIVE = Rule('identity:grants:create', _GIVE, 'Give a role')
TAKE = Rule('identity:grants:delete', _GIVE, 'Take a role back')

Handler = Callable[[Call], Any]


def _wanted(call: Call, actor: str, target: str, inherited: bool) -> Grant:
    params = call.params
    target_id = SYSTEM if target == SYSTEM else params[f'{target}_id']
    return Grant(params.get('role_id', ''), actor, params[f'{actor}_id'], target, target_id, inherited)


def _authorize(call: Call, rule: str, wanted: Grant) -> None:
    """Who manages one domain may do so where target and actor are of that domain. Others need not have them looked up."""
    if not call.ctx.domain_id:
        access.authorize(call, rule, domain_id='', role_name='', reach='')
        return
    try:
        name, gives = roles.with_implied(call.service, wanted.role_id) if wanted.role_id else ('', frozenset[str]())
        domain_ids = (_domain_of_target(call, wanted), _domain_of_actor(call, wanted))
    except NotFound as error:
        raise access.unseen(call, rule, error) from error
    on_projects = wanted.target_kind == 'project' or wanted.inherited
    reach = 'cloud' if on_projects and gives & OF_CLOUD else 'domain'
    for domain_id in domain_ids:
        access.authorize(call, rule, domain_id=domain_id, role_name=name, reach=reach)


def _domain_of_target(call: Call, wanted: Grant) -> str:
    return projects.get(call.service, wanted.target_id)[0].domain_id if wanted.target_kind == 'project' else wanted.target_id


def _domain_of_actor(call: Call, wanted: Grant) -> str:
    look_up = users.get if wanted.actor_kind == 'user' else users.get_group
    return look_up(call.service, wanted.actor_id).domain_id


def _handlers(actor: str, target: str, inherited: bool) -> tuple[Handler, Handler, Handler, Handler]:
    def list_roles(call: Call) -> list[dict[str, Any]]:
        """The roles given."""
        wanted = _wanted(call, actor, target, inherited)
        _authorize(call, SEE.name, wanted)
        return [role_view(call, role) for role in assignments.roles_of(call.service, wanted)]

    def check_role(call: Call) -> None:
        """Whether the role is given."""
        wanted = _wanted(call, actor, target, inherited)
        _authorize(call, SEE.name, wanted)
        assignments.check(call.service, wanted)

    def give_role(call: Call) -> None:
        """Give the role."""
        wanted = _wanted(call, actor, target, inherited)
        _authorize(call, GIVE.name, wanted)
        assignments.grant(call.service, wanted)

    def take_role(call: Call) -> None:
        """Take the role back."""
        wanted = _wanted(call, actor, target, inherited)
        _authorize(call, TAKE.name, wanted)
        assignments.take_back(call.service, wanted)

    return list_roles, check_role, give_role, take_role


def _routes(actor: str, target: str, inherited: bool) -> list[Route]:
    list_roles, check_role, give_role, take_role = _handlers(actor, target, inherited)
    where = 'system' if target == SYSTEM else f'{target}s/{{{target}_id}}'
    base = f'/v3/{"OS-INHERIT/" if inherited else ""}{where}/{actor}s/{{{actor}_id}}/roles'
    end = '/inherited_to_projects' if inherited else ''
    one = f'{base}/{{role_id}}{end}'
    # GIVE and TAKE look at the role: they are asked when it is known.
    return [
        GET(f'{base}{end}', list_roles, policy=SEE),
        GET(one, check_role, policy=SEE, ok=204, listing=False),
        HEAD(one, check_role, policy=SEE, ok=204, body=None),
        PUT(one, give_role, ok=204, body=None),
        DELETE(one, take_role),
    ]


_KINDS = [(actor, target, False) for actor in ('user', 'group') for target in ('project', 'domain', SYSTEM)]
_KINDS += [(actor, target, True) for actor in ('user', 'group') for target in ('project', 'domain')]
GRANTS = Resource('roles', 'role', rules=[GIVE, TAKE], routes=[route for kind in _KINDS for route in _routes(*kind)])
