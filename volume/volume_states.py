"""The states of a volume, as a table: what each is called and which actions are legal in it."""

from __future__ import annotations

CREATING, AVAILABLE, RESERVED, ATTACHING, IN_USE, DETACHING = 'creating', 'available', 'reserved', 'attaching', 'in-use', 'detaching'
EXTENDING, DELETING, ERROR, ERROR_DELETING, ERROR_EXTENDING = 'extending', 'deleting', 'error', 'error_deleting', 'error_extending'

# States that only a live operation may hold a volume in.
TRANSITIONAL = frozenset({CREATING, EXTENDING, DELETING})

# Deleting a volume that is being made or grown supersedes that work; one that a server uses must be detached first.
DELETABLE = frozenset({CREATING, AVAILABLE, EXTENDING, ERROR, ERROR_DELETING, ERROR_EXTENDING})
EXTENDABLE = frozenset({AVAILABLE})
ATTACHABLE = frozenset({AVAILABLE, RESERVED, ATTACHING})
RESETTABLE = frozenset({AVAILABLE, RESERVED, ATTACHING, IN_USE, DETACHING, ERROR, ERROR_DELETING, ERROR_EXTENDING, 'maintenance'})


def after_attachments(statuses: list[str]) -> str:
    """The status of a volume that follows from those of its attachments."""
    if 'attached' in statuses:
        return IN_USE
    if 'attaching' in statuses:
        return ATTACHING
    if 'reserved' in statuses:
        return RESERVED
    return AVAILABLE
