"""Tags: words that things may be marked with."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, POST, PUT, Call, Reply, Resource
from common.api.types import List, Obj
from common.errors import InvalidInput
from image.api.metadefs import common
from image.metadefs import entries, tags
from image.metadefs.records import TAG, EntryRecord


def view(entry: EntryRecord) -> dict[str, Any]:
    """A tag as clients see it."""
    return {'name': entry.name, **common.times(entry)}


def list_tags(call: Call) -> Reply:
    """Those of a namespace."""
    page = common.page_of(call, 'name', default=None)
    views = [view(entry) for entry in entries.list_all(call.service, call.ctx, call.params['namespace'], TAG, page)]
    return common.paged(call, views, page, 'name', 'tags')


def create_tags(call: Call) -> Reply:
    """Many at once, instead of those that are there unless `X-Openstack-Append: True` asks to keep them."""
    append = (call.header('X-Openstack-Append') or '').strip().lower() == 'true'
    names = [tag['name'] for tag in call.body['tags']]
    made = tags.put(call.service, call.ctx, call.params['namespace'], names, append)
    return Reply([view(entry) for entry in made], headers={'Location': call.url(f'{common.BASE}/{call.params["namespace"]}/tags')})


def create_tag(call: Call) -> Reply:
    """One more."""
    namespace, name = call.params['namespace'], call.params['name']
    if len(name) > 80:
        raise InvalidInput('The name of a tag has at most 80 characters.', field='name')
    made = entries.create(call.service, call.ctx, namespace, TAG, name, {})
    return Reply(view(made), headers={'Location': call.url(f'{common.BASE}/{namespace}/tags/{name}')})


def show_tag(call: Call) -> dict[str, Any]:
    """One."""
    return view(entries.show(call.service, call.ctx, call.params['namespace'], TAG, call.params['name']))


def update_tag(call: Call) -> dict[str, Any]:
    """Give it another name."""
    return view(entries.update(call.service, call.ctx, call.params['namespace'], TAG, call.params['name'], call.body))


def delete_tag(call: Call) -> None:
    """Take it out."""
    entries.delete(call.service, call.ctx, call.params['namespace'], TAG, call.params['name'])


def delete_tags(call: Call) -> None:
    """Take them all out."""
    entries.clear(call.service, call.ctx, call.params['namespace'], TAG)


_FORM = common.form('tag')
_MANY = Obj({'tags': List(_FORM)}, required=['tags'])
_ALL = f'{common.BASE}/{{namespace}}/tags'
_ONE = f'{_ALL}/{{name}}'
TAGS = Resource(
    'tags',
    'tag',
    sort=('name', *common.SORT),
    rules=common.rules('tags', 'tags of metadata definitions'),
    view=_FORM,
    noun='metadata definition tag',
    routes=[
        GET(_ALL, list_tags, policy='image:metadef_tags:list'),
        POST(_ALL, create_tags, policy='image:metadef_tags:create', body=_MANY, ok=201, response=_MANY),
        DELETE(_ALL, delete_tags, policy='image:metadef_tags:delete'),
        GET(_ONE, show_tag, policy='image:metadef_tags:show'),
        POST(_ONE, create_tag, policy='image:metadef_tags:create', body=None, ok=201),
        PUT(_ONE, update_tag, policy='image:metadef_tags:update', body=_FORM),
        DELETE(_ONE, delete_tag, policy='image:metadef_tags:delete'),
    ],
)
