"""Looks for everything that keeps a cloud from working, and says what to type. `pileus/checks_*.py` hold the checks."""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from common.config import Settings
from common.errors import PileusError
from pileus import settings as state_files

if TYPE_CHECKING:
    from common.runtime import Runtime

LOG = logging.getLogger(__name__)
PROBLEM, WARNING = 'problem', 'warning'


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong (`problem`) or soon may be (`warning`), and what to do about it."""

    what: str
    remedy: str
    severity: str = PROBLEM


@dataclasses.dataclass(frozen=True)
class Examined:
    """One check and what it found; nothing when all is well. `skipped`: why it could not be done."""

    name: str
    findings: list[Finding]
    skipped: str = ''


class Skip(Exception):
    """The check does not apply here; the words say why."""


class Site:
    """What is examined: a state folder and the cloud in it."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state

    @functools.cached_property
    def settings(self) -> Settings:
        """The configuration. Raises ConfigError."""
        return state_files.load(self.state)

    @functools.cached_property
    def runtime(self) -> Runtime:
        """All services, built and not started. Raises ConfigError and whatever keeps them from being built."""
        from common.runtime import SERVICES, Runtime

        runtime = Runtime(self.settings, embedded=True)
        runtime.build(runtime.options.services or SERVICES)
        return runtime

    @property
    def is_running(self) -> bool:
        """Whether the program of this cloud runs."""
        from pileus.daemons import Daemons
        from pileus.up import PROGRAM

        return Daemons(self.state).running(PROGRAM)

    def need_running(self) -> None:
        """Raise Skip where the cloud does not run."""
        if not self.is_running:
            raise Skip('the cloud does not run')

    def option(self, module: str, group: str) -> Any:
        """The options of a service's group, by the names of its module and class."""
        import importlib

        return self.settings.get(getattr(importlib.import_module(module), group))

    def close(self) -> None:
        """Let go of databases."""
        if 'runtime' in self.__dict__:
            self.runtime.stop(0.0)


Check = Callable[[Site], Iterable[Finding]]


def all_checks() -> dict[str, Check]:
    """Every check by its name, in the order in which they make sense."""
    from pileus import checks_cloud, checks_host

    return {**checks_host.CHECKS, **checks_cloud.CHECKS}


def examine(state: pathlib.Path, checks: dict[str, Check] | None = None) -> Iterator[Examined]:
    """Run the checks one after the other. A check that cannot be done is a finding too."""
    site = Site(state)
    try:
        for name, check in (all_checks() if checks is None else checks).items():
            yield _one(site, name, check)
    finally:
        site.close()


def _one(site: Site, name: str, check: Check) -> Examined:
    try:
        return Examined(name, list(check(site)))
    except Skip as reason:
        return Examined(name, [], str(reason))
    except PileusError as error:
        detail = f' ({error.admin_detail})' if error.admin_detail else ''
        return Examined(name, [Finding(f'{error.message}{detail}', 'Repair this first; other checks may depend on it.')])
    except Exception as error:
        LOG.debug('check %s failed', name, exc_info=True)
        return Examined(
            name,
            [Finding(f'the check itself failed: {type(error).__name__}: {error}', 'Report this with the output of: pileus doctor --json')],
        )
