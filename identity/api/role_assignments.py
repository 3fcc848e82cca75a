"""The list of who has which role where."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import GET, Resource
from common.api.types import Str
from common.errors import InvalidInput
from common.policy import Rule
from identity import assignments, projects
from identity.api import access
from identity.assignments import Listed, Wanted
from identity.db.assignments import SYSTEM

LIST = Rule('identity:role_assignments:list', f'{access.READ} or {access.SELF}', 'List role assignments')
_FILTERS = {
    'user.id': 'user_id',
    'group.id': 'group_id',
    'role.id': 'role_id',
    'scope.project.id': 'project_id',
    'scope.domain.id': 'domain_id',
}
_FALSE = ('0', 'false', 'f', 'no', 'off')


def _flag(call: Call, name: str) -> bool:
    """Whether a flag is set: its mere presence does, unless its value says no."""
    return name in call.query and call.query[name].lower() not in _FALSE


def _wanted(call: Call) -> Wanted:
    values: dict[str, Any] = {ours: call.query[name] for name, ours in _FILTERS.items() if call.query.get(name)}
    wanted = Wanted(
        **values,
        system=True if call.query.get('scope.system') else None,
        inherited=True if call.query.get('scope.OS-INHERIT:inherited_to') == 'projects' else None,
        effective=_flag(call, 'effective'),
        include_subtree=_flag(call, 'include_subtree'),
    )
    if wanted.user_id and wanted.group_id:
        raise InvalidInput('Specify a user or group, not both.')
    if bool(wanted.project_id) + bool(wanted.domain_id) + bool(wanted.system) > 1:
        raise InvalidInput('Specify a domain, a project or the system, not more than one of them.')
    if wanted.effective and wanted.group_id:
        raise InvalidInput('Combining effective and group filter will always result in an empty list.')
    if wanted.effective and wanted.inherited and wanted.domain_id:
        raise InvalidInput('Combining effective, domain and inherited filters will always result in an empty list.')
    if wanted.include_subtree and not wanted.project_id:
        raise InvalidInput('scope.project.id must be specified if include_subtree is also specified.', field='include_subtree')
    return wanted


def _authorize(call: Call, wanted: Wanted) -> None:
    """Managers of a domain must ask about their domain or a project of it; users may ask about themselves."""
    domain_id = wanted.domain_id
    if call.ctx.domain_id and wanted.project_id:
        domain_id = projects.get(call.service, wanted.project_id)[0].domain_id
    access.authorize(call, LIST.name, domain_id=domain_id or '', user_id=wanted.user_id or '')


def list_role_assignments(call: Call) -> Reply:
    """Assignments that fit the filters."""
    wanted = _wanted(call)
    _authorize(call, wanted)
    lines = assignments.list_all(call.service, wanted)
    named = assignments.names(call.service, lines) if _flag(call, 'include_names') else {}
    return Reply([_view(call, line, named) for line in lines])


def _view(call: Call, line: Listed, named: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    def shown(kind: str, identifier: str) -> dict[str, Any]:
        return named.get((kind, identifier)) or {'id': identifier}

    if line.target_kind == SYSTEM:
        scope: dict[str, Any] = {'system': {'all': True}}
    else:
        scope = {line.target_kind: shown(line.target_kind, line.target_id)}
    if line.inherited or line.inherited_from:
        scope['OS-INHERIT:inherited_to'] = 'projects'
    links = {'assignment': call.url(_address(line))}
    if line.through_group:
        links['membership'] = call.url(f'/v3/groups/{line.through_group}/users/{line.actor_id}')
    if line.prior_role_id:
        links['prior_role'] = call.url(f'/v3/prior_role/{line.prior_role_id}/implies/{line.role_id}')
    return {'role': shown('role', line.role_id), line.actor_kind: shown(line.actor_kind, line.actor_id), 'scope': scope, 'links': links}


def _address(line: Listed) -> str:
    """Where the assignment that the line comes from can be changed."""
    kind, target_id = line.inherited_from or (line.target_kind, line.target_id)
    inherited = line.inherited or line.inherited_from is not None
    actor = f'groups/{line.through_group}' if line.through_group else f'{line.actor_kind}s/{line.actor_id}'
    where = 'system' if kind == SYSTEM else f'{kind}s/{target_id}'
    role_id = line.prior_role_id or line.role_id
    return f'/v3/{"OS-INHERIT/" if inherited else ""}{where}/{actor}/roles/{role_id}{"/inherited_to_projects" if inherited else ""}'


_QUERY = dict.fromkeys(
    (*_FILTERS, 'scope.system', 'scope.OS-INHERIT:inherited_to', 'effective', 'include_names', 'include_subtree'), Str(255)
)
ROLE_ASSIGNMENTS = Resource(
    'role_assignments',
    'role_assignment',
    routes=[GET('/v3/role_assignments', list_role_assignments, policy=LIST, query=_QUERY)],
)
