"""The cache of this host: what is in it and what waits, as administrators see and change it."""

from __future__ import annotations

import datetime
from typing import Any

from common.api import DELETE, GET, POST, PUT, Call, Reply, Resource
from common.api.answers import answer
from common.policy import ADMIN, Rule
from image import caching
from image.db.cache import CacheEntry

LIST = Rule('image:cache:list', ADMIN, 'List cached and queued images')
QUEUE = Rule('image:cache:queue', ADMIN, 'Queue an image for caching')
DROP = Rule('image:cache:delete', ADMIN, 'Remove images from the cache and its queue')
_TARGET = 'x-image-cache-clear-target'


def view(entry: CacheEntry) -> dict[str, Any]:
    """A copy as clients see it; times in seconds since the epoch."""
    return {
        'image_id': entry.image_id,
        'hits': entry.hits,
        'last_accessed': _seconds(entry.last_accessed),
        'last_modified': _seconds(entry.last_modified),
        'size': entry.size,
    }


def _seconds(when: datetime.datetime | None) -> float:
    return when.replace(tzinfo=datetime.UTC).timestamp() if when else 0.0


def show_cache(call: Call) -> dict[str, Any]:
    """Copies and queue."""
    cached, queued = caching.entries(call.service)
    return {'cached_images': [view(entry) for entry in cached], 'queued_images': queued}


def queue_image(call: Call) -> None:
    """Ask for a copy."""
    caching.queue(call.service, call.ctx, call.params['id'])


def delete_cached(call: Call) -> None:
    """Forget one copy, or the wish for it."""
    caching.delete(call.service, call.params['id'])


def clear_cache(call: Call) -> None:
    """Forget copies, the queue, or both."""
    caching.clear(call.service, call.header(_TARGET) or '')


def show_nodes(call: Call) -> Reply:
    """The hosts that have a copy."""
    return Reply(caching.hosts(call.service, call.ctx, call.params['id']), wrap=False)


def clean_cache(call: Call) -> None:
    """Make directory and table agree."""
    caching.clean(call.service)


def prune_cache(call: Call) -> dict[str, int]:
    """Forget the least recently used copies until the cache has its size."""
    files, size = caching.make_room(call.service)
    return {'total_files_pruned': files, 'total_bytes_pruned': size}


_CACHED = {'image_id': str, 'hits': int, 'last_accessed': float, 'last_modified': float, 'size': int}
CACHE = Resource(
    'cache',
    rules=[LIST, QUEUE, DROP],
    routes=[
        GET('/v2/cache', show_cache, policy=LIST, listing=False, response=answer({'cached_images': [_CACHED], 'queued_images': [str]})),
        PUT('/v2/cache/{id}', queue_image, policy=QUEUE, ok=202, body=None),
        DELETE('/v2/cache', clear_cache, policy=DROP, body=None),
        DELETE('/v2/cache/{id}', delete_cached, policy=DROP),
        GET('/v2/cache/nodes/{id}', show_nodes, policy=LIST, listing=False, response={'type': 'array', 'items': {'type': 'string'}}),
        POST('/v2/cache/clean', clean_cache, policy=DROP, ok=204, body=None),
        POST(
            '/v2/cache/prune', prune_cache, policy=DROP, ok=200, body=None,
            response=answer({'total_files_pruned': int, 'total_bytes_pruned': int}),
        ),
    ],
)  # fmt: skip
