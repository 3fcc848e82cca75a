"""Long-running work of the volume service."""

from volume.operations.create import CREATE
from volume.operations.delete import DELETE
from volume.operations.extend import EXTEND

DEFINITIONS = [CREATE, DELETE, EXTEND]
