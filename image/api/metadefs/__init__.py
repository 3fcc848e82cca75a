"""Metadata definitions as clients see them."""

from image.api.metadefs.namespaces import NAMESPACES
from image.api.metadefs.objects import OBJECTS
from image.api.metadefs.properties import PROPERTIES
from image.api.metadefs.resource_types import ASSOCIATIONS, RESOURCE_TYPES
from image.api.metadefs.tags import TAGS

RESOURCES = [NAMESPACES, OBJECTS, PROPERTIES, TAGS, RESOURCE_TYPES, ASSOCIATIONS]
