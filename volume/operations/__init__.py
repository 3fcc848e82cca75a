"""Long-running work of the volume service."""

from volume.operations.create import CREATE
from volume.operations.delete import DELETE
from volume.operations.extend import EXTEND
from volume.operations.snapshot import CREATE_SNAPSHOT, DELETE_SNAPSHOT

DEFINITIONS = [CREATE, DELETE, EXTEND, CREATE_SNAPSHOT, DELETE_SNAPSHOT]
