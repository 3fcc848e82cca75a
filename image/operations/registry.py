"""All kinds of operations of the image service."""

from __future__ import annotations

from image.operations.add_location import ADD_LOCATION
from image.operations.clear import CLEAR
from image.operations.import_image import IMPORT

DEFINITIONS = [ADD_LOCATION, IMPORT, CLEAR]
