"""HTTP resources of the volume service."""

from common.operations.api import events_resource
from volume.api.attachments import ATTACHMENTS
from volume.api.limits import LIMITS
from volume.api.messages import MESSAGES
from volume.api.quota_sets import QUOTAS
from volume.api.services import POOLS, SERVICES, ZONES
from volume.api.snapshots import SNAPSHOTS
from volume.api.types import TYPES
from volume.api.versions import VERSIONS
from volume.api.volume_actions import ACTION_ROUTES
from volume.api.volumes import VOLUMES

RESOURCES = [
    VERSIONS,
    VOLUMES,
    ACTION_ROUTES,
    SNAPSHOTS,
    ATTACHMENTS,
    TYPES,
    QUOTAS,
    LIMITS,
    SERVICES,
    ZONES,
    POOLS,
    MESSAGES,
    events_resource('volume'),
]

__all__ = ['RESOURCES']
