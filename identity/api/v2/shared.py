"""What the resources of version 2.0 have in common: who may call, lists, and things as that version shows them.

Version 2.0 knows no domains: it shows users and projects (tenants) of the default domain and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from common.api.call import Call, Reply
from common.api.types import Int, Str
from common.errors import NotFound
from common.policy import Rule
from identity import projects, users
from identity.api import access
from identity.db.models import Project, Role
from identity.records import UserRecord

T = TypeVar('T')
ADMINISTER = access.admin_rule('identity:v2:administer', 'Use the administrative calls of version 2.0')
ANYONE = Rule('identity:v2:look', '@', 'See the own projects through version 2.0')
PAGED = {'limit': Int(0, 10000), 'marker': Str, 'name': Str}
"""Query parameters of lists."""


def listed(call: Call, key: str, records: Sequence[T], show: Callable[[T], dict[str, Any]], id_of: Callable[[T], str]) -> Reply:
    """The part of a list that `limit` and `marker` ask for."""
    marker, limit = call.query.get('marker'), call.query.get('limit')
    start = next((i + 1 for i, record in enumerate(records) if id_of(record) == marker), 0) if marker else 0
    end = start + limit if limit else len(records)
    return Reply({key: [show(record) for record in records[start:end]], f'{key}_links': []}, wrap=False)


def tenant_view(project: Project) -> dict[str, Any]:
    """A project as version 2.0 shows it."""
    return {
        **project.extra,
        'id': project.id,
        'name': project.name,
        'description': project.description,
        'enabled': project.enabled,
    }


def user_view(user: UserRecord) -> dict[str, Any]:
    """A user as version 2.0 shows it."""
    shown = {**user.extra, 'id': user.id, 'name': user.name, 'username': user.name, 'enabled': user.enabled}
    if user.default_project_id:
        shown['tenantId'] = user.default_project_id
    return shown


def role_view(role: Role) -> dict[str, Any]:
    """A role as version 2.0 shows it."""
    return {'id': role.id, 'name': role.name, 'description': role.description, 'enabled': True}


def find_tenant(call: Call, tenant_id: str) -> Project:
    """A project of the default domain. Raises NotFound."""
    project, _ = projects.get(call.service, tenant_id)
    if project.is_domain or project.domain_id != call.service.options.default_domain_id:
        raise NotFound('project', tenant_id)
    return project


def find_user(call: Call, user_id: str) -> UserRecord:
    """A user of the default domain. Raises NotFound."""
    user = users.get(call.service, user_id)
    if user.domain_id != call.service.options.default_domain_id:
        raise NotFound('user', user_id)
    return user
