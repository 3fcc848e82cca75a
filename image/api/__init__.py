"""HTTP resources of the image service."""

from common.operations.api import events_resource
from image.api.image_data import DATA
from image.api.images import IMAGES, RULES
from image.api.members import MEMBERS
from image.api.schemas import SCHEMAS
from image.api.tags import TAGS
from image.api.versions import VERSIONS

RESOURCES = [VERSIONS, IMAGES, DATA, MEMBERS, TAGS, SCHEMAS, events_resource('image')]

__all__ = ['RESOURCES', 'RULES']
