"""The states of a server, as data: names, what the API calls them, and which actions are legal in which.

`vm_state` is what the server is; `task_state` is what an operation is doing to it, and empty when none is. So a task state
that no live operation owns cannot stay: the operations' sweeper ends every operation.
"""

from __future__ import annotations

from common.errors import Conflict

BUILDING, ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR, DELETED = 'building', 'active', 'stopped', 'paused', 'suspended', 'error', 'deleted'

SCHEDULING, NETWORKING, SPAWNING = 'scheduling', 'networking', 'spawning'
REBOOTING, REBOOTING_HARD = 'rebooting', 'rebooting_hard'
POWERING_OFF, POWERING_ON, PAUSING, UNPAUSING, SUSPENDING, RESUMING = (
    'powering-off', 'powering-on', 'pausing', 'unpausing', 'suspending', 'resuming',
)  # fmt: skip
IMAGE_SNAPSHOT_PENDING, IMAGE_SNAPSHOT, IMAGE_PENDING_UPLOAD, IMAGE_UPLOADING = (
    'image_snapshot_pending', 'image_snapshot', 'image_pending_upload', 'image_uploading',
)  # fmt: skip
DELETING = 'deleting'
TASKS = frozenset({
    SCHEDULING, NETWORKING, SPAWNING, REBOOTING, REBOOTING_HARD, POWERING_OFF, POWERING_ON, PAUSING, UNPAUSING, SUSPENDING, RESUMING, DELETING,
    IMAGE_SNAPSHOT_PENDING, IMAGE_SNAPSHOT, IMAGE_PENDING_UPLOAD, IMAGE_UPLOADING,
})  # fmt: skip

_STATUS = {
    BUILDING: 'BUILD',
    ACTIVE: 'ACTIVE',
    STOPPED: 'SHUTOFF',
    PAUSED: 'PAUSED',
    SUSPENDED: 'SUSPENDED',
    ERROR: 'ERROR',
    DELETED: 'DELETED',
}
_TASK_STATUS = {REBOOTING: 'REBOOT', REBOOTING_HARD: 'HARD_REBOOT'}

# What each action needs the server to be. Deleting is legal in every state.
LEGAL: dict[str, frozenset[str]] = {
    'reboot_soft': frozenset({ACTIVE}),
    'reboot_hard': frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR}),
    'stop': frozenset({ACTIVE, ERROR}),
    'start': frozenset({STOPPED}),
    'pause': frozenset({ACTIVE}),
    'unpause': frozenset({PAUSED}),
    'suspend': frozenset({ACTIVE}),
    'resume': frozenset({SUSPENDED}),
    'attach_volume': frozenset({ACTIVE, STOPPED, PAUSED}),
    'detach_volume': frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED}),
    'attach_interface': frozenset({ACTIVE, STOPPED, PAUSED}),
    'detach_interface': frozenset({ACTIVE, STOPPED, PAUSED}),
    'create_image': frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED}),
    'create_backup': frozenset({ACTIVE, STOPPED, PAUSED, SUSPENDED}),
}
_WORDS = {'reboot_soft': 'reboot', 'reboot_hard': 'reboot', 'create_image': 'createImage', 'create_backup': 'createBackup'}


def status_of(vm_state: str, task_state: str | None) -> str:
    """The status that the API shows."""
    if vm_state in (ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR) and task_state in _TASK_STATUS:
        return _TASK_STATUS[task_state]
    return _STATUS.get(vm_state, 'UNKNOWN')


def states_of(status: str) -> tuple[set[str], set[str] | None]:
    """(vm states, task states or None) that a status may stand for; empty for an unknown one. For filters."""
    upper = status.upper()
    tasks = {task for task, name in _TASK_STATUS.items() if name == upper}
    if tasks:
        return {ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR}, tasks
    return {state for state, name in _STATUS.items() if name == upper}, None


def check(action: str, server_id: str, vm_state: str, task_state: str | None, host: str | None = '') -> None:
    """Raise Conflict when an action is not legal now; the message says what is in its way. `host` None: it never had a guest."""
    word = _WORDS.get(action, action)
    if task_state is not None:
        raise Conflict(f"Cannot '{word}' instance {server_id} while it is in task_state {task_state}")
    if vm_state not in LEGAL[action]:
        raise Conflict(f"Cannot '{word}' instance {server_id} while it is in vm_state {vm_state}")
    if host is None:
        raise Conflict(f"Cannot '{word}' instance {server_id}: it was never started on any host. Delete it and make another one.")
