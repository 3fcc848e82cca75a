"""Staging data, importing it, and what ways of importing there are."""

from __future__ import annotations

from typing import Any

from common.api import GET, POST, PUT, Call, Resource
from common.api.answers import answer
from common.api.types import Raw
from common.policy import ADMIN, ANYONE, MEMBER, Rule
from image import importing, staging
from image.api.image_data import announced, reader
from image.api.transferring import transfer

_OCTETS = 'application/octet-stream'
RULES = [
    Rule('image:images:import', MEMBER, 'Import the data of an image'),
    Rule('image:images:copy', ADMIN, 'Copy the data of an image to more stores'),
    Rule('image:info:show', ANYONE, 'See how images can be imported'),
]


@transfer
def stage_data(call: Call) -> None:
    """Take data that is to be imported."""
    staging.stage(call.service, call.ctx, call.params['id'], reader(call), announced(call))


def import_image(call: Call) -> None:
    """Start to import."""
    importing.start(call.service, call.ctx, call.params['id'], call.body, call.header('X-Image-Meta-Store'))


def show_methods(call: Call) -> dict[str, Any]:
    """The methods that the operator allows."""
    methods = {'description': 'Import methods available.', 'type': 'array', 'value': list(call.service.options.import_methods)}
    return {'import-methods': methods}


_TEXT = {'type': 'string', 'maxLength': 2048}
_IMPORT = Raw(
    {
        'type': 'object',
        'properties': {
            'method': {
                'type': 'object',
                'properties': {
                    'name': {'type': 'string', 'maxLength': 64},
                    'uri': _TEXT,
                    'glance_image_id': _TEXT,
                    'glance_region': _TEXT,
                    'glance_service_interface': _TEXT,
                },
                'required': ['name'],
            },
            'stores': {'type': 'array', 'items': {'type': 'string', 'maxLength': 255}, 'minItems': 1, 'maxItems': 100},
            'all_stores': {'type': 'boolean'},
            'all_stores_must_succeed': {'type': 'boolean'},
        },
        'required': ['method'],
    },
    'how to import, and where to',
)

IMPORTS = Resource(
    'imports',
    rules=RULES,
    routes=[
        PUT('/v2/images/{id}/stage', stage_data, policy='image:data:upload', ok=204, body=None, stream=True, content_types=(_OCTETS,)),
        POST('/v2/images/{id}/import', import_image, policy='image:images:import', ok=202, body=_IMPORT),
        GET('/v2/info/import', show_methods, policy='image:info:show', listing=False, response=answer({'import-methods': dict})),
    ],
)
