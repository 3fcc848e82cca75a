"""An operation as it is stored, and the one place that knows which of its columns change while it runs."""

from __future__ import annotations

import copy
import dataclasses
import datetime
from typing import Any

RUNNING = 'running'
UNDOING = 'undoing'
DONE = 'done'
FAILED = 'failed'
SUPERSEDED = 'superseded'

CHANGING = (
    'live_key',
    'state',
    'position',
    'memory',
    'fault',
    'waits_for',
    'updated_at',
    'ended_at',
    'host',
    'place',
    'run_at',
    'stalled',
    'lease_owner',
    'lease_until',
    'generation',
    'attempts',
    'attention',
    'event_count',
)
"""The columns that a transition may change."""


@dataclasses.dataclass
class Record:
    """One row of `operations`.

    `state`: running, undoing, done, failed or superseded. `place` is None exactly when nothing is left to do; an operation that is
    superseded or undoing with a place is still being undone. `position` is the step to do next, or while undoing the step to undo
    next. `memory` holds: outputs (by step), skipped, excluded (hosts), tried, back_to (step to go on from after an undo), since
    (start of the step, epoch seconds), early (the failure was told already).
    """

    id: str
    kind: str
    version: int
    resource_type: str
    resource_id: str
    live_key: str | None
    state: str
    position: int
    params: dict[str, Any]
    memory: dict[str, Any]
    fault: dict[str, Any] | None
    context: dict[str, Any]
    project: str | None
    user: str | None
    request_id: str
    global_request_id: str
    reason: str | None
    parent: str | None
    waits_for: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deadline_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    host: str | None
    place: str | None
    run_at: datetime.datetime
    stalled: bool
    lease_owner: str | None
    lease_until: datetime.datetime | None
    generation: int
    attempts: int
    attention: bool
    event_count: int

    @property
    def is_live(self) -> bool:
        """Whether there is something left to do or to undo."""
        return self.place is not None

    @property
    def is_undoing(self) -> bool:
        """Whether the next thing to do is to take a step back."""
        return self.state in (UNDOING, SUPERSEDED)

    @property
    def has_failed(self) -> bool:
        """Whether it is on its way to `failed`, for good."""
        return self.state == FAILED or (self.state == UNDOING and self.memory.get('back_to') is None)

    @property
    def outputs(self) -> dict[str, dict[str, Any] | None]:
        """What the steps recorded so far returned, by name."""
        outputs: dict[str, dict[str, Any] | None] = self.memory.setdefault('outputs', {})
        return outputs

    def copy(self) -> Record:
        """A copy that can be changed without the original noticing."""
        made = object.__new__(Record)
        made.__dict__.update(self.__dict__)
        made.memory = _copied(self.memory)
        made.fault = copy.copy(self.fault)
        return made

    def changing(self) -> dict[str, Any]:
        """The values of the columns that a transition writes."""
        return {name: getattr(self, name) for name in CHANGING}


def _copied(value: Any) -> Any:
    """A JSON value, copied to the bottom; `copy.deepcopy` takes five times as long, looking for what JSON cannot hold."""
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value


@dataclasses.dataclass(frozen=True)
class Event:
    """One line of an operation's history. `event`: started, done, failed, skipped, retried. `direction`: do, undo or end."""

    operation_id: str
    seq: int
    step: str
    direction: str
    event: str
    host: str | None
    at: datetime.datetime
    data: dict[str, Any] | None
