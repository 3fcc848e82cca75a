"""A short way to write the JSON Schemas of answers, for the OpenAPI document.

answer({'id': str, 'size': int, 'description?': (str, None), 'metadata': {str: str}, 'links': [{'rel': str, 'href': str}]})
"""

from __future__ import annotations

from typing import Any

_KINDS: dict[Any, str] = {str: 'string', int: 'integer', float: 'number', bool: 'boolean', None: 'null', dict: 'object', list: 'array'}


def answer(form: Any) -> dict[str, Any]:
    """The JSON Schema of a form.

    A type or None stands for itself, a tuple for any of its parts, a list of one form for a list of such, `{str: form}` for an
    object of any keys, another dict for an object with these keys (`name?`: may be missing), `object` for anything.
    More keys are allowed, since later versions add some. Raises TypeError for what is none of these.
    """
    if form is object:
        return {}
    if form is None or isinstance(form, type):
        return {'type': _KINDS[form]}
    if isinstance(form, tuple):
        parts = [answer(part) for part in form]
        if all(set(part) == {'type'} for part in parts):
            return {'type': [part['type'] for part in parts]}
        return {'anyOf': parts}
    if isinstance(form, list):
        return {'type': 'array', 'items': answer(form[0])}
    if isinstance(form, dict):
        if list(form) == [str]:
            return {'type': 'object', 'additionalProperties': answer(form[str])}
        schema = {'type': 'object', 'properties': {name.rstrip('?'): answer(inner) for name, inner in form.items()}}
        needed = [name for name in form if not name.endswith('?')]
        return {**schema, 'required': needed} if needed else schema
    raise TypeError(f'{form!r} is not the form of an answer')
