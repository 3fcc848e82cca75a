"""The stores that images can be in, and taking an image out of one of them."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, Call, Reply, Resource
from common.api.answers import answer
from common.errors import NotFound
from common.policy import ADMIN, ANYONE, Rule
from image import store_removal

LIST = Rule('image:stores:list', ANYONE, 'List the stores of image data')
DETAIL = Rule('image:stores:detail', ADMIN, 'List the stores of image data with their properties')


def _summaries(call: Call) -> list[dict[str, Any]]:
    stores = call.service.stores
    if not stores.chosen:
        raise NotFound(message='This image service has one store only, which was not set up by name.')
    found = []
    for name in stores.names:
        store = stores.get(name)
        one: dict[str, Any] = {'id': name, 'weight': store.weight}
        if store.description:
            one['description'] = store.description
        # Words, not booleans: clients compare with 'true'.
        if name == stores.default:
            one['default'] = 'true'
        if store.read_only:
            one['read-only'] = 'true'
        found.append(one)
    return found


def list_stores(call: Call) -> Reply:
    """What users may know about stores."""
    return Reply({'stores': _summaries(call)}, wrap=False)


def list_details(call: Call) -> Reply:
    """What administrators may know about them."""
    stores = call.service.stores
    found = []
    for one in _summaries(call):
        store = stores.get(one['id'])
        found.append({**one, 'type': store.driver, 'properties': store.properties()})
    return Reply({'stores': found}, wrap=False)


def delete_from_store(call: Call) -> None:
    """Remove the image's data from one store."""
    store_removal.remove_from_store(call.service, call.ctx, call.params['id'], call.params['store'])


_STORE = {'id': str, 'weight': int, 'description?': str, 'default?': str, 'read-only?': str}

STORES = Resource(
    'stores',
    rules=[LIST, DETAIL],
    routes=[
        GET('/v2/info/stores', list_stores, policy=LIST, listing=False, response=answer({'stores': [_STORE]})),
        GET(
            '/v2/info/stores/detail', list_details, policy=DETAIL, listing=False,
            response=answer({'stores': [{**_STORE, 'type': str, 'properties': dict}]}),
        ),
        DELETE('/v2/stores/{store}/{id}', delete_from_store, policy='image:locations:delete'),
    ],
)  # fmt: skip
