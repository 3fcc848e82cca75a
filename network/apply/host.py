"""The one door through which the agent touches its host: every command goes out here, and every change is written down.

A pass over a host that is as desired makes no change: `Host.changes` stays empty. Tests count on that.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import privileged

LOG = logging.getLogger(__name__)
NETNS_DIR = '/run/netns'


class Host:
    """Runs commands in the host's root namespace or in one of ours.

    `state_dir` holds the files of the agent (DHCP, remembered sysctls). `changes` lists, in words, what was changed
    since the last `take_changes`; `reads` counts commands that only looked.
    """

    netns_dir = NETNS_DIR

    def __init__(self, state_dir: Path, *, timeout: float = 30.0) -> None:
        self.state_dir = state_dir
        self.timeout = timeout
        self.changes: list[str] = []
        self.problems: list[str] = []
        self.reads = 0

    def read(self, argv: Sequence[str], *, namespace: str | None = None, stdin: str | None = None, ok: Sequence[int] = (0,)) -> str:
        """Output of a command that changes nothing. Raises `PileusError` if it fails with a code not in `ok`."""
        self.reads += 1
        return self._run(argv, namespace, stdin, ok)

    def change(
        self, why: str, argv: Sequence[str], *, namespace: str | None = None, stdin: str | None = None, ok: Sequence[int] = (0,)
    ) -> str:
        """Run a command that changes the host; `why` says what, for the log and the tests."""
        self.note(why)
        return self._run(argv, namespace, stdin, ok)

    def _run(self, argv: Sequence[str], namespace: str | None, stdin: str | None, ok: Sequence[int]) -> str:
        done = privileged.run(argv, stdin=stdin, timeout=self.timeout, check=False, netns=namespace)
        if done.status not in ok:
            raise privileged.CommandFailed(argv[0], done.status, done.stderr)
        return done.stdout

    def note(self, why: str) -> None:
        """Write down a change made without a command (a file, a sysctl, a signal)."""
        self.changes.append(why)
        LOG.info('%s', why)

    def problem(self, what: str) -> None:
        """Write down something that could not be made as desired; the pass goes on with the rest."""
        self.problems.append(what)
        LOG.warning('%s', what)

    def take_changes(self) -> list[str]:
        """The changes since the last call."""
        taken, self.changes = self.changes, []
        return taken

    def write(self, path: Path, content: str, *, mode: int = 0o644) -> bool:
        """Bring a file to this content, atomically; True if it was different, which counts as a change."""
        if not self.keep(path, content, mode=mode):
            return False
        self.note(f'wrote {path.name}')
        return True

    def keep(self, path: Path, content: str, *, mode: int = 0o600) -> bool:
        """The same for what the agent only remembers for itself: no change of the host."""
        try:
            if path.read_text() == content:
                return False
        except FileNotFoundError:
            pass
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix='.' + path.name)
        try:
            with os.fdopen(handle, 'w') as out:
                out.write(content)
            Path(temporary).chmod(mode)
            Path(temporary).rename(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        return True
