"""HTTP resources of the image service."""

from common.operations.api import events_resource
from image.api.cache import CACHE
from image.api.image_data import DATA
from image.api.images import IMAGES, RULES
from image.api.imports import IMPORTS
from image.api.locations import LOCATIONS
from image.api.members import MEMBERS
from image.api.metadefs import RESOURCES as METADEFS
from image.api.schemas import SCHEMAS
from image.api.stores import STORES
from image.api.tags import TAGS
from image.api.tasks import TASKS
from image.api.usage import USAGE
from image.api.v1 import RESOURCES as V1
from image.api.versions import VERSIONS

RESOURCES = [
    VERSIONS,
    IMAGES,
    DATA,
    MEMBERS,
    TAGS,
    SCHEMAS,
    STORES,
    LOCATIONS,
    CACHE,
    USAGE,
    *METADEFS,
    *V1,
    IMPORTS,
    TASKS,
    events_resource('image'),
]

__all__ = ['RESOURCES', 'RULES', 'V1']
