"""The schema documents that older clients read to know what an image may hold."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Resource
from common.api.answers import answer
from common.policy import ANYONE, Rule
from image.api.metadefs.documents import DOCUMENTS as METADEFS
from image.records import CONTAINER_FORMATS, DISK_FORMATS, MEMBER_STATUSES, TASK_STATUSES, TASK_TYPES, VISIBILITIES

NULL = ['null', 'string']
_ID = '^([0-9a-f]){8}-([0-9a-f]){4}-([0-9a-f]){4}-([0-9a-f]){4}-([0-9a-f]){12}$'
_LARGEST = 2147483647


def _read_only(kind: Any, description: str) -> dict[str, Any]:
    return {'type': kind, 'readOnly': True, 'description': description}


IMAGE_PROPERTIES: dict[str, Any] = {
    'id': {'type': 'string', 'pattern': _ID, 'description': 'An identifier for the image'},
    'name': {'type': NULL, 'maxLength': 255, 'description': 'Descriptive name for the image'},
    'status': _read_only('string', 'Status of the image'),
    'visibility': {'type': 'string', 'enum': list(VISIBILITIES), 'description': 'Scope of image accessibility'},
    'protected': {'type': 'boolean', 'description': 'If true, image will not be deletable.'},
    'os_hidden': {'type': 'boolean', 'description': 'If true, image will not appear in default image list response.'},
    'checksum': _read_only(NULL, 'md5 hash of image contents.'),
    'os_hash_algo': _read_only(NULL, 'Algorithm to calculate the os_hash_value'),
    'os_hash_value': _read_only(NULL, 'Hexdigest of the image contents using the algorithm specified by the os_hash_algo'),
    'owner': {'type': NULL, 'maxLength': 255, 'description': 'Owner of the image'},
    'size': _read_only(['null', 'integer'], 'Size of image file in bytes'),
    'virtual_size': _read_only(['null', 'integer'], 'Virtual size of image in bytes'),
    'container_format': {'type': NULL, 'enum': [None, *CONTAINER_FORMATS], 'description': 'Format of the container'},
    'disk_format': {'type': NULL, 'enum': [None, *DISK_FORMATS], 'description': 'Format of the disk'},
    'created_at': _read_only('string', 'Date and time of image registration'),
    'updated_at': _read_only('string', 'Date and time of the last image modification'),
    'tags': {
        'type': 'array',
        'items': {'type': 'string', 'maxLength': 255},
        'maxItems': 1000,
        'description': 'List of strings related to the image',
    },
    'min_ram': {'type': 'integer', 'minimum': 0, 'maximum': _LARGEST, 'description': 'Amount of ram (in MB) required to boot image.'},
    'min_disk': {
        'type': 'integer',
        'minimum': 0,
        'maximum': _LARGEST,
        'description': 'Amount of disk space (in GB) required to boot image.',
    },
    'self': _read_only('string', 'An image self url'),
    'file': _read_only('string', 'An image file url'),
    'schema': _read_only('string', 'An image schema url'),
    'stores': _read_only('string', 'Names of the stores that have the image data, separated by commas'),
    'direct_url': _read_only('string', 'URL of the image data'),
    'locations': {
        'type': 'array',
        'description': 'Where the image data is',
        'items': {
            'type': 'object',
            'properties': {
                'url': {'type': 'string', 'maxLength': 2048},
                'metadata': {'type': 'object'},
                'validation_data': {
                    'type': 'object',
                    'description': 'Hashes of the data, for an image that has none',
                    'properties': {
                        'checksum': {'type': 'string', 'minLength': 32, 'maxLength': 32},
                        'os_hash_algo': {'type': 'string', 'maxLength': 64},
                        'os_hash_value': {'type': 'string', 'maxLength': 128},
                    },
                    'required': ['os_hash_algo', 'os_hash_value'],
                },
            },
            'required': ['url', 'metadata'],
        },
    },
}
_MEMBER: dict[str, Any] = {
    'created_at': {'type': 'string'},
    'updated_at': {'type': 'string'},
    'image_id': {'type': 'string', 'pattern': _ID},
    'member_id': {'type': 'string'},
    'status': {'type': 'string', 'enum': list(MEMBER_STATUSES)},
    'schema': {'type': 'string', 'readOnly': True},
}
TASK_PROPERTIES: dict[str, Any] = {
    'id': _read_only('string', 'An identifier for the task') | {'pattern': _ID},
    'type': {'type': 'string', 'enum': list(TASK_TYPES), 'description': 'The type of task represented by this content'},
    'status': _read_only('string', 'The current status of this task') | {'enum': list(TASK_STATUSES)},
    'input': {'type': ['null', 'object'], 'description': 'The parameters required by task, JSON blob'},
    'result': _read_only(['null', 'object'], 'The result of current task, JSON blob'),
    'owner': _read_only(NULL, 'An identifier for the owner of this task'),
    'message': _read_only('string', 'Human-readable informative message only included when appropriate (usually on failure)'),
    'image_id': _read_only(NULL, 'Image associated with the task'),
    'request_id': _read_only(NULL, 'Human-readable request id of the request that started the task'),
    'user_id': _read_only(NULL, 'User associated with the task'),
    'expires_at': _read_only(NULL, 'Datetime when this resource would be subject to removal'),
    'created_at': _read_only('string', 'Datetime when this resource was created'),
    'updated_at': _read_only('string', 'Datetime when this resource was updated'),
    'self': _read_only('string', 'A task self url'),
    'schema': _read_only('string', 'A task schema url'),
}
_SINGLE: dict[str, dict[str, Any]] = {
    'image': {
        'name': 'image',
        'properties': IMAGE_PROPERTIES,
        'additionalProperties': {'type': 'string'},
        'links': [{'rel': 'self', 'href': '{self}'}, {'rel': 'enclosure', 'href': '{file}'}, {'rel': 'describedby', 'href': '{schema}'}],
    },
    'member': {'name': 'member', 'properties': _MEMBER},
    'task': {'name': 'task', 'properties': TASK_PROPERTIES},
}


def _collection(name: str) -> dict[str, Any]:
    plural = f'{name}s'
    return {
        'name': plural,
        'properties': {
            plural: {'type': 'array', 'items': _SINGLE[name]},
            'first': {'type': 'string'},
            'next': {'type': 'string'},
            'schema': {'type': 'string'},
        },
        'links': [{'rel': 'first', 'href': '{first}'}, {'rel': 'next', 'href': '{next}'}, {'rel': 'describedby', 'href': '{schema}'}],
    }


_DOCUMENTS = {
    **_SINGLE,
    'images': _collection('image'),
    'members': _collection('member'),
    'tasks': _collection('task'),
    **{f'metadefs/{name}': document for name, document in METADEFS.items()},
}
RULE = Rule('image:schemas:show', ANYONE, 'Read the schema documents')


def show_schema(call: Call) -> dict[str, Any]:
    """One document."""
    return _DOCUMENTS[call.route.path.removeprefix('/v2/schemas/')]


_FORM = answer({'name': str, 'properties': {str: dict}, 'links?': [dict]})
SCHEMAS = Resource(
    'schemas',
    rules=[RULE],
    routes=[GET(f'/v2/schemas/{name}', show_schema, policy=RULE, listing=False, response=_FORM) for name in _DOCUMENTS],
)
