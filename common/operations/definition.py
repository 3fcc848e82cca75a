"""What an operation is: its steps, where they run, how they are taken back. Pure data, shared by every process.

BOOT = Operation('server.boot', version=1, of='server', deadline=minutes(15), steps=[
    Step('choose_host', on=SERVICE, do=choose_host, undo=release_claim),
    Step('make_disk',   on=HOST,    do=make_disk,   undo=delete_disk, retry_from='choose_host'),
    Step('finish',      on=SERVICE, save=mark_active),
], on_failed=mark_error)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from common.errors import Transient

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations.run import Run

SERVICE = 'service'
"""The location of steps that any process of the service may run."""
HOST = 'host'
"""Steps marked so run on the worker of the operation's host."""

Do = Callable[['Run'], dict[str, Any] | None]
Undo = Callable[['Run', dict[str, Any] | None], Any]
Save = Callable[['Session', 'Run', dict[str, Any] | None], Any]
Ended = Callable[['Session', 'Run'], Any]
Failed = Callable[['Session', 'Run', dict[str, Any]], Any]
Where = str | Callable[['Run'], str | None]


def minutes(number: float) -> float:
    """Minutes as seconds, for deadlines."""
    return number * 60.0


def seconds(number: float) -> float:
    """Seconds, said aloud."""
    return float(number)


def host_location(name: str) -> str:
    """The location of the worker of a host."""
    return f'host:{name}'


def host_of(location: str | None) -> str | None:
    """The host of a location; None for SERVICE."""
    return location[5:] if location is not None and location.startswith('host:') else None


def on_host_of(param: str) -> Callable[[Run], str | None]:
    """For `on=`: the host that the parameter of this name holds, for operations over two hosts."""

    def where(run: Run) -> str | None:
        name = run.params.get(param)
        return host_location(name) if name else None

    return where


class NotYet(Transient):
    """What a step waits for has not happened: run the step again after `after` seconds, or when the bell rings.

    Unlike Transient it is no failure: nothing is noted, and the pause grows only slowly with the time waited. The step's `timeout`
    still counts.
    """

    code = 'not_yet'

    def __init__(self, message: str | None = None, *, after: float = 0.5, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.after = after


@dataclasses.dataclass(frozen=True)
class Step:
    """One effect on the world, done until it is recorded and taken back by `undo`.

    `do(run) -> dict | None`: may be run again after a crash, so it looks before it acts; nothing fallible after the effect.
    `undo(run, output | None)`: output is None if `do` was never recorded, though its effect may stand: it looks as well.
    `save(session, run, output)`: changes to the service's own database, in the transaction that records the step as done;
    a step may consist of it alone. `undo_save(session, run, output)`: the same with the record of the undo.
    `on`: SERVICE, HOST, or a function of the run that returns a location. `when(run)`: the step is skipped if false.
    `timeout`: seconds that the step may take, retries included. `retry_from`: where `Refused` goes back to.
    """

    name: str
    on: Where = SERVICE
    do: Do | None = None
    undo: Undo | None = None
    save: Save | None = None
    undo_save: Save | None = None
    when: Callable[[Run], Any] | None = None
    timeout: float | None = None
    retry_from: str | None = None

    @property
    def undoes(self) -> bool:
        """Whether there is anything to take back."""
        return self.undo is not None or self.undo_save is not None


@dataclasses.dataclass(frozen=True)
class Operation:
    """A kind of long-running work on one kind of resource.

    `kind` and `version` are stored with each operation: when the steps change, raise the version and keep the old definition
    until no operation of it is live. `of`: the type of the resource.
    `deadline`: seconds until an unfinished operation fails; None for none (then with `never_gives_up`).
    `never_gives_up`: for deletes: a failing step is tried again for ever (pauses up to 5 minutes, `attention` after 5), never undone.
    Callbacks, each in the transaction of the change it tells about:
    `on_done(session, run)`: all steps are done. `on_failed(session, run, fault)`: the operation failed and is undone; called once
    early as well if the undo cannot finish now, so it may be called twice. `on_superseded(session, run)`: undone for another operation.
    `on_stalled(session, run)`: a step waits since `stall_after` seconds for a host that does not take it (called once).
    """

    kind: str
    of: str
    steps: Sequence[Step]
    version: int = 1
    deadline: float | None = 900.0
    max_hosts: int = 3
    never_gives_up: bool = False
    stall_after: float = 15.0
    on_done: Ended | None = None
    on_failed: Failed | None = None
    on_superseded: Ended | None = None
    on_stalled: Ended | None = None

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError(f'{self.kind}: steps need distinct names, and at least one')
        for index, step in enumerate(self.steps):
            if step.do is None and step.save is None:
                raise ValueError(f'{self.kind}: step {step.name} does nothing')
            if step.retry_from is not None and step.retry_from not in names[: index + 1]:
                raise ValueError(f'{self.kind}: step {step.name} goes back to {step.retry_from}, which is no earlier step')
        if self.never_gives_up and any(step.undoes for step in self.steps):
            raise ValueError(f'{self.kind}: what never gives up is never undone, so its steps have no undo')

    def index(self, name: str) -> int:
        """The position of the step of this name."""
        return next(i for i, step in enumerate(self.steps) if step.name == name)
