"""How long work on a host is told of: often at first, then ever less often, and it ends when it should."""

from __future__ import annotations

import pytest

from common.errors import Superseded
from compute.operations import images


class Run:
    """An operation whose history is a list."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.overtaken = False

    def check(self) -> None:
        if self.overtaken:
            raise Superseded('A delete came.')

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_notes_come_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0
    monkeypatch.setattr(images, 'monotonic', lambda: moment)
    run = Run()
    tell = images.teller(run, 'downloaded')  # type: ignore[arg-type]
    when = []
    for second in range(4 * 3600):
        moment, before = float(second), len(run.notes)
        tell(second << 20, 14400 << 20)
        if len(run.notes) > before:
            when.append(second)
    assert when[:4] == [5, 13, 25, 42]
    assert len(when) < 20, 'some few in hours'
    assert run.notes[0] == 'downloaded: 5 of 14400 MiB'


def test_an_unknown_size_and_nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0
    monkeypatch.setattr(images, 'monotonic', lambda: moment)
    run = Run()
    tell = images.teller(run, 'copied')  # type: ignore[arg-type]
    moment = 100.0
    tell(0, 0)
    assert run.notes == []
    tell(3 << 20, 0)
    assert run.notes == ['copied: 3 MiB']


def test_work_ends_when_the_operation_should() -> None:
    run = Run()
    tell = images.teller(run, 'copied')  # type: ignore[arg-type]
    run.overtaken = True
    with pytest.raises(Superseded):
        tell(1, 2)
