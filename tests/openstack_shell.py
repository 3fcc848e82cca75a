"""The command-line client `openstack`, run within the process of a test: a new interpreter for each command would take a second."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import unittest.mock
from typing import Any


class CommandFailed(AssertionError):
    """A command ended with another status than 0; the text is what it said."""


class _Terminal(io.StringIO):
    """Standard input where nobody types anything."""

    def isatty(self) -> bool:
        return True


class OpenStack:
    """Runs commands as one user, and remembers which were run.

    :param environment: `os_...` settings: auth_url, username, password and so on, as options of the client without dashes
    """

    def __init__(self, **environment: str) -> None:
        self._globals = [word for name, value in environment.items() for word in (f'--os-{name.replace("_", "-")}', value)]
        self.ran: set[str] = set()

    def __call__(self, command: str, *words: str) -> str:
        """Run a command like `project create` with its arguments; what it wrote. Raises CommandFailed."""
        from openstackclient.shell import OpenStackShell

        self.ran.add(command)
        forget_clients()
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), unittest.mock.patch('sys.stdin', _Terminal()):
            status = OpenStackShell().run([*self._globals, *command.split(), *words])
        if status:
            raise CommandFailed(f'openstack {command} {" ".join(words)}: {errors.getvalue().strip() or out.getvalue().strip()}')
        return out.getvalue()

    def show(self, command: str, *words: str) -> Any:
        """The answer of a command that shows or lists."""
        return json.loads(self(command, '-f', 'json', *words))


def forget_clients() -> None:
    """The client keeps its connections in its classes, since it runs one command for one user in a process."""
    from osc_lib.clientmanager import ClientCache, ClientManager

    for kept in vars(ClientManager).values():
        if isinstance(kept, ClientCache):
            kept._handle = None


def commands_of(group: str) -> set[str]:
    """All commands that the client has for an API, for example `openstack.identity.v3`."""
    return {entry.name.replace('_', ' ') for entry in importlib.metadata.entry_points(group=group)}
