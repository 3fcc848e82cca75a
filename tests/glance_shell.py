"""The command-line client `glance`, of both versions of the API, run within the process of a test."""

from __future__ import annotations

import contextlib
import importlib
import io
import unittest.mock
import warnings
from typing import Any

from tests.bench.client import Client


class CommandFailed(AssertionError):
    """A command gave up; the text is what it said."""


class _Terminal(io.StringIO):
    """Standard input at which somebody sits: the client takes anything else for image data."""

    def isatty(self) -> bool:
        return True


class GlanceCommand:
    """Runs commands with a user's token, and remembers which were run as (version, command)."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ran: set[tuple[int, str]] = set()

    def __call__(self, command: str, *words: str, version: int = 2) -> str:
        """Run a command like `image-create`; what it wrote. Raises CommandFailed."""
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from glanceclient.shell import OpenStackImagesShell
        self.ran.add((version, command))
        where = [
            '--os-image-url',
            self.client.catalog['image'],
            '--os-auth-token',
            self.client.token,
            '--os-image-api-version',
            str(version),
        ]
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), unittest.mock.patch('sys.stdin', _Terminal()):
            try:
                OpenStackImagesShell().main([*where, command, *words])
            except (Exception, SystemExit) as error:
                said = f'{error} {errors.getvalue().strip()}'
                raise CommandFailed(f'glance {command} {" ".join(words)}: {said}') from error
        return out.getvalue()

    def show(self, command: str, *words: str, version: int = 2) -> dict[str, str]:
        """The answer of a command that shows one thing: what stands in the two columns of its table."""
        return {row[0]: row[1] for row in _rows(self(command, *words, version=version))[1:]}

    def list(self, command: str, *words: str, version: int = 2) -> list[dict[str, str]]:
        """The answer of a command that lists."""
        head, *rows = _rows(self(command, *words, version=version)) or [[]]
        return [dict(zip(head, row, strict=True)) for row in rows]


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')]


def commands_of(version: int) -> set[tuple[int, str]]:
    """All commands that the client has for a version of the API."""
    module: Any = importlib.import_module(f'glanceclient.v{version}.shell')
    return {(version, name.removeprefix('do_').replace('_', '-')) for name in vars(module) if name.startswith('do_')}
