"""Projects and their tags."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, REQUIRED, Field, Filter
from common.api.resource import DELETE, GET, HEAD, PATCH, POST, PUT, Resource
from common.api.types import Bool, Obj, Str
from common.errors import Forbidden, InvalidInput, NotFound
from common.policy import Rule
from identity import assignments, projects, users
from identity.api import access
from identity.api.views import paged, self_link, text_filters, with_extra
from identity.db.models import Project

_OWN = '(role:reader and project_id:%(project_id)s)'
LIST = Rule('identity:projects:list', access.READ, 'List projects')
SHOW = Rule('identity:projects:show', f'{access.READ} or {_OWN}', 'Show a project')
CREATE = Rule('identity:projects:create', access.MANAGE, 'Create a project')
UPDATE = Rule('identity:projects:update', access.MANAGE, 'Change a project')
DELETE_ = Rule('identity:projects:delete', access.MANAGE, 'Delete a project')
TAG = Rule('identity:projects:tag', access.MANAGE, 'Set the tags of a project')
OF_USER = Rule('identity:users:projects', f'{access.READ} or {access.SELF}', 'List the projects on which a user has a role')
_KNOWN = ('name', 'description', 'enabled', 'domain_id', 'parent_id', 'is_domain', 'tags', 'options')
_TAG = Str(255, 1, pattern='^[^,/]*$')


def project_view(call: Call, project: Project, tags: list[str]) -> dict[str, Any]:
    """A project as the API shows it; a domain that is looked at as a project has no domain of its own."""
    return {
        **project.extra,
        'id': project.id,
        'name': project.name,
        'domain_id': project.domain_id or None,
        'description': project.description,
        'enabled': project.enabled,
        'parent_id': project.parent_id,
        'is_domain': project.is_domain,
        'tags': tags,
        'options': project.options,
        'links': self_link(call, f'projects/{project.id}'),
    }


def _load(call: Call, rule: str) -> tuple[Project, list[str]]:
    project_id = call.params['project_id']
    try:
        project, tags = projects.get(call.service, project_id)
    except NotFound as error:
        raise access.unseen(call, rule, error) from error
    # A domain that is looked at as a project is changed by who may change domains: it belongs to none that somebody could manage.
    domain_id = project.domain_id or (project.id if rule == SHOW.name else '')
    access.authorize(call, rule, domain_id=domain_id, project_id=project_id)
    return project, tags


def list_projects(call: Call) -> Reply:
    """Projects that fit the filters; of a domain-scoped token those of its domain."""
    wanted = {'is_domain': False, **call.filters}
    if domain_id := access.domain_of_list(call, LIST.name, wanted.get('domain_id')):
        wanted['domain_id'] = domain_id
    tags = {name: call.query[name].split(',') for name in ('tags', 'tags-any', 'not-tags', 'not-tags-any') if call.query.get(name)}
    return _listed(call, projects.list_all(call.service, wanted, tags=tags))


def _listed(call: Call, found: list[tuple[Project, list[str]]]) -> Reply:
    tags = {project.id: its for project, its in found}
    return paged(call, [project for project, _ in found], lambda project: project_view(call, project, tags[project.id]))


def create_project(call: Call) -> dict[str, Any]:
    """Make a project, or (`is_domain`) a domain."""
    values = with_extra(call.body, _KNOWN)
    if values.get('is_domain'):
        if values.get('domain_id') or values.get('parent_id'):
            raise InvalidInput('A project that acts as a domain has neither domain nor parent.', field='is_domain')
        access.authorize(call, CREATE.name, domain_id='')
        return project_view(call, *projects.create_domain(call.service, values))
    if not values.get('domain_id') and not values.get('parent_id'):
        values['domain_id'] = call.ctx.domain_id or call.ctx.project_domain_id or call.service.options.default_domain_id
    access.authorize(call, CREATE.name, domain_id=_domain_of_new(call, values))
    return project_view(call, *projects.create_project(call.service, values))


def _domain_of_new(call: Call, values: dict[str, Any]) -> str:
    if values.get('domain_id'):
        return str(values['domain_id'])
    try:
        parent, _ = projects.get(call.service, values['parent_id'])
    except NotFound as error:
        raise access.unseen(call, CREATE.name, error) from error
    return parent.domain_id or parent.id


def show_project(call: Call) -> dict[str, Any]:
    """One project, with what is above or below it if asked."""
    project, tags = _load(call, SHOW.name)
    shown = project_view(call, project, tags)
    for above, name in ((True, 'parents'), (False, 'subtree')):
        as_list, as_ids = f'{name}_as_list' in call.query, f'{name}_as_ids' in call.query
        if as_list and as_ids:
            raise InvalidInput(f'Only one of {name}_as_list and {name}_as_ids can be asked for.', field=f'{name}_as_list')
        if as_list or as_ids:
            family = projects.family(call.service, project.id, above=above)
            if as_list:
                shown[name] = [{'project': project_view(call, one, [])} for one in family]
            else:
                shown[name] = _chain(family) if above else _tree(family, project.id)
    return shown


def _chain(ancestors: list[Project]) -> dict[str, Any] | None:
    shown: dict[str, Any] | None = None
    for project in reversed(ancestors):
        shown = {project.id: shown}
    return shown


def _tree(descendants: list[Project], root: str) -> dict[str, Any] | None:
    children = [project for project in descendants if project.parent_id == root]
    return {child.id: _tree(descendants, child.id) for child in children} or None


def update_project(call: Call) -> dict[str, Any]:
    """Change a project."""
    project, _ = _load(call, UPDATE.name)
    for name in ('domain_id', 'parent_id', 'is_domain'):
        now = getattr(project, name) if name != 'domain_id' else project.domain_id or None
        if name in call.body and call.body[name] != now:
            refusal = Forbidden if name == 'parent_id' else InvalidInput
            raise refusal(f'The {name} of a project cannot be changed.')
    return project_view(call, *projects.update(call.service, project.id, with_extra(call.body, _KNOWN)))


def delete_project(call: Call) -> None:
    """Remove a project."""
    project, _ = _load(call, DELETE_.name)
    projects.delete_project(call.service, project.id)


def projects_of_user(call: Call) -> Reply:
    """The projects on which a user has a role."""
    user_id = call.params['user_id']
    try:
        user = users.get(call.service, user_id)
    except NotFound as error:
        raise access.unseen(call, OF_USER.name, error) from error
    access.authorize(call, OF_USER.name, user_id=user_id, domain_id=user.domain_id)
    wanted = {'is_domain': False, **call.filters}
    return _listed(call, projects.list_all(call.service, wanted, ids=assignments.projects_of(call.service, user_id)))


def list_tags(call: Call) -> Reply:
    """The tags of a project."""
    return _tags(call, _load(call, SHOW.name)[1])


def _tags(call: Call, tags: list[str]) -> Reply:
    return Reply({'tags': tags, 'links': self_link(call, f'projects/{call.params["project_id"]}/tags')}, wrap=False)


def replace_tags(call: Call) -> Reply:
    """Give a project these tags and no others."""
    project, _ = _load(call, TAG.name)
    return _tags(call, projects.set_tags(call.service, project.id, call.body['tags']))


def remove_tags(call: Call) -> None:
    """Take all tags away."""
    projects.set_tags(call.service, _load(call, TAG.name)[0].id, [])


def check_tag(call: Call) -> None:
    """Whether the project has the tag."""
    _, tags = _load(call, SHOW.name)
    if call.params['tag'] not in tags:
        raise NotFound('project tag', call.params['tag'])


def add_tag(call: Call) -> Reply:
    """Add one tag."""
    project, tags = _load(call, TAG.name)
    projects.set_tags(call.service, project.id, [*tags, call.params['tag']])
    return Reply(None, 201, {'Location': call.url(f'/v3/projects/{project.id}/tags/{call.params["tag"]}')})


def remove_tag(call: Call) -> None:
    """Take one tag away."""
    project, tags = _load(call, TAG.name)
    if call.params['tag'] not in tags:
        raise NotFound('project tag', call.params['tag'])
    projects.set_tags(call.service, project.id, [tag for tag in tags if tag != call.params['tag']])


_TAGS_BODY = {
    'type': 'object',
    'required': ['tags'],
    'properties': {'tags': {'type': 'array', 'items': _TAG.schema(), 'maxItems': 80, 'uniqueItems': True}},
    'additionalProperties': False,
}
_FAMILY = dict.fromkeys(('parents_as_list', 'parents_as_ids', 'subtree_as_list', 'subtree_as_ids'), Str)
PROJECTS = Resource(
    'projects',
    'project',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('name', Str(64, 1, pattern=r'\S'), REQUIRED),
        Field('domain_id', Str(64) | None),
        Field('parent_id', Str(64) | None),
        Field('is_domain', Bool(strict=True)),
        Field('description', Str(65535) | None),
        Field('enabled', Bool(strict=True)),
        Field('tags', {'type': 'array', 'items': _TAG.schema(), 'maxItems': 80, 'uniqueItems': True}),
        Field('options', Obj),
    ],
    filters=[*text_filters('name'), 'domain_id', 'parent_id', Filter('enabled', Bool), Filter('is_domain', Bool)],
    routes=[
        GET('/v3/projects', list_projects, policy=LIST, query=dict.fromkeys(('tags', 'tags-any', 'not-tags', 'not-tags-any'), Str(4096))),
        POST('/v3/projects', create_project, policy=CREATE, ok=201),
        GET('/v3/projects/{project_id}', show_project, policy=SHOW, query=_FAMILY),
        PATCH('/v3/projects/{project_id}', update_project, policy=UPDATE),
        DELETE('/v3/projects/{project_id}', delete_project, policy=DELETE_),
        GET('/v3/users/{user_id}/projects', projects_of_user, policy=OF_USER),
        GET('/v3/projects/{project_id}/tags', list_tags, policy=SHOW, wrap=False, listing=False),
        PUT('/v3/projects/{project_id}/tags', replace_tags, policy=TAG, body=_TAGS_BODY, wrap=False),
        DELETE('/v3/projects/{project_id}/tags', remove_tags, policy=TAG),
        GET('/v3/projects/{project_id}/tags/{tag}', check_tag, policy=SHOW, ok=204),
        HEAD('/v3/projects/{project_id}/tags/{tag}', check_tag, policy=SHOW, ok=204, body=None),
        PUT('/v3/projects/{project_id}/tags/{tag}', add_tag, policy=TAG, ok=201, body=None),
        DELETE('/v3/projects/{project_id}/tags/{tag}', remove_tag, policy=TAG),
    ],
)
