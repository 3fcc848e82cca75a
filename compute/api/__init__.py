"""HTTP resources of the compute service."""

from common.operations.api import events_resource
from compute.api import hypervisors, operator, quotas, usage
from compute.api.attachments import ATTACHMENTS, INTERFACES
from compute.api.flavors import FLAVORS
from compute.api.images import IMAGES
from compute.api.keypairs import KEYPAIRS
from compute.api.server_actions import ACTION_ROUTES
from compute.api.server_parts import PARTS
from compute.api.servers import SERVERS
from compute.api.versions import VERSIONS

RESOURCES = [
    VERSIONS,
    SERVERS,
    ACTION_ROUTES,
    PARTS,
    ATTACHMENTS,
    INTERFACES,
    FLAVORS,
    KEYPAIRS,
    IMAGES,
    *hypervisors.RESOURCES,
    *operator.RESOURCES,
    *quotas.RESOURCES,
    *usage.RESOURCES,
    events_resource('compute'),
]

__all__ = ['RESOURCES']
