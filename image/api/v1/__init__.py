"""Version 1 of the API, which upstream has given up and old clients still speak."""

from image.api.v1.images import DATA_V1, IMAGES_V1
from image.api.v1.members import MEMBERS_V1

RESOURCES = [IMAGES_V1, DATA_V1, MEMBERS_V1]
