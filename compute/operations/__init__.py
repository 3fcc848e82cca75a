"""Long-running work on servers."""

from compute.operations.boot import BOOT, BOOT_1
from compute.operations.delete import DELETE
from compute.operations.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE
from compute.operations.power import PAUSE, REBOOT, RESUME, START, STOP, SUSPEND, UNPAUSE
from compute.operations.recover import RECOVER
from compute.operations.snapshot import SNAPSHOT
from compute.operations.volume_snapshots import SNAPSHOT_OF_VOLUMES
from compute.operations.volumes import ATTACH, DETACH

DEFINITIONS = [
    BOOT,
    BOOT_1,
    DELETE,
    STOP,
    START,
    REBOOT,
    PAUSE,
    UNPAUSE,
    SUSPEND,
    RESUME,
    RECOVER,
    ATTACH,
    DETACH,
    ATTACH_INTERFACE,
    DETACH_INTERFACE,
    SNAPSHOT,
    SNAPSHOT_OF_VOLUMES,
]
