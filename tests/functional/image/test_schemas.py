"""The schema documents over HTTP."""

from __future__ import annotations

import jsonschema
import pytest

from tests.functional.cloud import TestCloud

NAMES = {
    'image': 'image',
    'images': 'images',
    'member': 'member',
    'members': 'members',
    'metadefs/namespace': 'namespace',
    'metadefs/namespaces': 'namespaces',
    'metadefs/object': 'object',
    'metadefs/objects': 'objects',
    'metadefs/property': 'property',
    'metadefs/properties': 'properties',
    'metadefs/tag': 'tag',
    'metadefs/tags': 'tags',
    'metadefs/resource_type': 'resource_type_association',
    'metadefs/resource_types': 'resource_type_associations',
}


@pytest.mark.parametrize(('path', 'name'), NAMES.items())
def test_a_document_has_its_name_and_is_a_schema(cloud: TestCloud, path: str, name: str) -> None:
    document = cloud.client().ask('GET', 'image', f'/v2/schemas/{path}')
    assert document['name'] == name and document['properties']
    jsonschema.Draft7Validator.check_schema(document)


def test_a_namespace_is_told_from_what_is_none(cloud: TestCloud) -> None:
    document = cloud.client().ask('GET', 'image', '/v2/schemas/metadefs/namespace')
    jsonschema.validate({'namespace': 'OS::Test', 'visibility': 'public', 'protected': False}, document)
    for wrong in ({}, {'namespace': 'OS::Test', 'visibility': 'shared'}, {'namespace': 'x' * 81}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, document)
