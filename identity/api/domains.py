"""Domains."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Bool, HexId, List, Obj, Str
from common.errors import NotFound
from common.policy import Rule
from identity import projects
from identity.api import access
from identity.api.views import paged, self_link, text_filters, with_extra
from identity.db.models import Project

LIST = Rule('identity:domains:list', access.READ, 'List domains')
SHOW = Rule('identity:domains:show', f'{access.READ} or project_domain_id:%(domain_id)s', 'Show a domain')
CREATE = access.admin_rule('identity:domains:create', 'Create a domain')
UPDATE = access.admin_rule('identity:domains:update', 'Change a domain')
DELETE_ = access.admin_rule('identity:domains:delete', 'Delete a domain')
_KNOWN = ('name', 'description', 'enabled', 'tags', 'options', 'explicit_domain_id', 'is_domain')


def show_domain_view(call: Call, domain: Project, tags: list[str]) -> dict[str, Any]:
    """A domain as the API shows it."""
    return {
        **domain.extra,
        'id': domain.id,
        'name': domain.name,
        'description': domain.description,
        'enabled': domain.enabled,
        'tags': tags,
        'options': domain.options,
        'links': self_link(call, f'domains/{domain.id}'),
    }


def list_domains(call: Call) -> Reply:
    """Domains, or the caller's own one."""
    domain_id = access.domain_of_list(call, LIST.name, None)
    wanted = {**call.filters, 'is_domain': True}
    found = projects.list_all(call.service, wanted, ids=[domain_id] if domain_id else None)
    tags = {domain.id: its for domain, its in found}
    return paged(call, [domain for domain, _ in found], lambda domain: show_domain_view(call, domain, tags[domain.id]))


def create_domain(call: Call) -> dict[str, Any]:
    """Make a domain."""
    return show_domain_view(call, *projects.create_domain(call.service, with_extra(call.body, _KNOWN)))


def show_domain(call: Call) -> dict[str, Any]:
    """One domain."""
    domain_id = call.params['domain_id']
    access.authorize(call, SHOW.name, domain_id=domain_id)
    try:
        return show_domain_view(call, *projects.get(call.service, domain_id, noun='domain'))
    except NotFound as error:
        raise access.unseen(call, SHOW.name, error) from error


def update_domain(call: Call) -> dict[str, Any]:
    """Change a domain."""
    return show_domain_view(call, *projects.update(call.service, call.params['domain_id'], with_extra(call.body, _KNOWN), noun='domain'))


def delete_domain(call: Call) -> None:
    """Remove a disabled domain and all in it."""
    projects.delete_domain(call.service, call.params['domain_id'])


TAGS = List(Str(255, 1, pattern='^[^,/]*$', says='a tag of 1 to 255 characters without comma and slash'), max=80, unique=True)
DOMAINS = Resource(
    'domains',
    'domain',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('name', Str(64, 1, pattern=r'\S'), REQUIRED),
        Field('description', Str(65535) | None),
        Field('enabled', Bool(strict=True)),
        Field('tags', TAGS),
        Field('options', Obj),
        Field('explicit_domain_id', HexId, help='Id of the new domain, to have the same one in several clouds'),
    ],
    filters=[*text_filters('name'), Filter('enabled', Bool)],
    routes=[
        GET('/v3/domains', list_domains, policy=LIST),
        POST('/v3/domains', create_domain, policy=CREATE, ok=201),
        GET('/v3/domains/{domain_id}', show_domain, policy=SHOW),
        PATCH('/v3/domains/{domain_id}', update_domain, policy=UPDATE),
        DELETE('/v3/domains/{domain_id}', delete_domain, policy=DELETE_),
    ],
)
