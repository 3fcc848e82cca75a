"""The schema documents of metadata definitions: what a namespace and the things in it may hold."""

from __future__ import annotations

from typing import Any

_NAME: dict[str, Any] = {'type': 'string', 'minLength': 1, 'maxLength': 80}
_SELF: dict[str, Any] = {
    'self': {'type': 'string', 'readOnly': True, 'format': 'uri'},
    'schema': {'type': 'string', 'readOnly': True, 'format': 'uri'},
}
_TIMES: dict[str, Any] = {
    'created_at': {'type': 'string', 'readOnly': True, 'format': 'date-time'},
    'updated_at': {'type': 'string', 'readOnly': True, 'format': 'date-time'},
}
_COUNT: dict[str, Any] = {'type': 'integer', 'minimum': 0}
_TEXTS: dict[str, Any] = {'type': 'array', 'items': {'type': 'string'}, 'uniqueItems': True}

# A property is itself described by a JSON schema, so these are the words of JSON schema that it may use.
_PROPERTY: dict[str, Any] = {
    'name': _NAME,
    'title': {'type': 'string'},
    'description': {'type': 'string'},
    'type': {'type': 'string', 'enum': ['array', 'boolean', 'integer', 'number', 'object', 'string']},
    'operators': {'type': 'array', 'items': {'type': 'string'}},
    'readonly': {'type': 'boolean'},
    'default': {},
    'enum': {'type': 'array'},
    'minimum': {'type': 'number'},
    'maximum': {'type': 'number'},
    'minLength': _COUNT,
    'maxLength': _COUNT,
    'pattern': {'type': 'string', 'format': 'regex'},
    'items': {'type': 'object'},
    'minItems': _COUNT,
    'maxItems': _COUNT,
    'uniqueItems': {'type': 'boolean'},
    'additionalItems': {'type': 'boolean'},
}
_DESCRIBED: dict[str, Any] = {
    'type': 'object',
    'additionalProperties': {
        'type': 'object',
        'required': ['title', 'type'],
        'properties': {name: form for name, form in _PROPERTY.items() if name != 'name'},
    },
}
_ATTRIBUTES: dict[str, Any] = {
    'namespace': _NAME,
    'display_name': {'type': 'string', 'maxLength': 80},
    'description': {'type': 'string', 'maxLength': 500},
    'visibility': {'type': 'string', 'enum': ['public', 'private']},
    'protected': {'type': 'boolean'},
    'owner': {'type': 'string', 'maxLength': 255},
    **_TIMES,
    **_SELF,
}
_OBJECT: dict[str, Any] = {
    'name': _NAME,
    'description': {'type': 'string'},
    'required': _TEXTS,
    'properties': _DESCRIBED,
    **_TIMES,
    **_SELF,
}
_TAG: dict[str, Any] = {'name': _NAME, **_TIMES}
_ASSOCIATION: dict[str, Any] = {
    'name': _NAME,
    'prefix': {'type': 'string', 'maxLength': 80},
    'properties_target': {'type': 'string', 'maxLength': 80},
    **_TIMES,
}


def _one(name: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {'name': name, 'required': required, 'properties': properties, 'additionalProperties': False}


def _many(name: str, key: str, held: dict[str, Any]) -> dict[str, Any]:
    text = {'type': 'string'}
    return {
        'name': name,
        'properties': {key: held, 'first': text, 'next': text, 'schema': text},
        'links': [{'rel': 'first', 'href': '{first}'}, {'rel': 'next', 'href': '{next}'}, {'rel': 'describedby', 'href': '{schema}'}],
    }


def _list_of(document: dict[str, Any]) -> dict[str, Any]:
    return {'type': 'array', 'items': {'type': 'object', **document}}


_OBJECT_FORM = _one('object', _OBJECT, ['name'])
_TAG_FORM = _one('tag', _TAG, ['name'])
_ASSOCIATION_FORM = _one('resource_type_association', _ASSOCIATION, ['name'])
# A namespace can be made, and is shown, with all that is in it.
_NAMESPACE: dict[str, Any] = {
    **_ATTRIBUTES,
    'properties': _DESCRIBED,
    'objects': _list_of(_OBJECT_FORM),
    'tags': _list_of(_TAG_FORM),
    'resource_type_associations': _list_of(_ASSOCIATION_FORM),
}
_NAMESPACE_FORM = _one('namespace', _NAMESPACE, ['namespace'])

# By the last part of the path. Properties are keyed by their names, the others come as lists.
DOCUMENTS: dict[str, dict[str, Any]] = {
    'namespace': _NAMESPACE_FORM,
    'namespaces': _many('namespaces', 'namespaces', _list_of(_NAMESPACE_FORM)),
    'object': _OBJECT_FORM,
    'objects': _many('objects', 'objects', _list_of(_OBJECT_FORM)),
    'property': _one('property', _PROPERTY, ['name', 'title', 'type']),
    'properties': _many('properties', 'properties', _DESCRIBED),
    'tag': _TAG_FORM,
    'tags': _many('tags', 'tags', _list_of(_TAG_FORM)),
    'resource_type': _ASSOCIATION_FORM,
    'resource_types': _many('resource_type_associations', 'resource_type_associations', _list_of(_ASSOCIATION_FORM)),
}
