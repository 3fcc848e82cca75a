"""Fields of a resource: name, type, who may write and when it exists."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.api.types import Type, as_type
from common.api.versions import Version, exists_in


class Flag:
    """A mark on a field."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


READ_ONLY = Flag('READ_ONLY')  # only in answers
REQUIRED = Flag('REQUIRED')  # must be given on create
CREATE_ONLY = Flag('CREATE_ONLY')  # cannot be changed later
UPDATE_ONLY = Flag('UPDATE_ONLY')  # cannot be given on create
SOMETIMES = Flag('SOMETIMES')  # in answers, but not in those to everybody
WRITE_ONLY = Flag('WRITE_ONLY')  # never in answers (passwords)


class _Missing:
    def __repr__(self) -> str:
        return 'MISSING'


MISSING: Any = _Missing()


@dataclasses.dataclass(frozen=True, init=False)
class Field:
    """One field of a resource.

    `default` is filled in on create when the client leaves the field out. `since`/`until` bound the microversions it exists
    in. `write_policy`/`read_policy` name rules that must hold to set it (to something else than the default) or to see it.
    """

    name: str
    type: Type
    flags: frozenset[Flag]
    default: Any
    since: Version | None
    until: Version | None
    write_policy: str | None
    read_policy: str | None
    help: str

    def __init__(
        self,
        name: str,
        type: Any,
        *flags: Flag,
        default: Any = MISSING,
        since: str | None = None,
        until: str | None = None,
        write_policy: str | None = None,
        read_policy: str | None = None,
        help: str = '',
    ) -> None:
        values = {
            'name': name,
            'type': as_type(type),
            'flags': frozenset(flags),
            'default': default,
            'since': Version.parse(since) if since else None,
            'until': Version.parse(until) if until else None,
            'write_policy': write_policy,
            'read_policy': read_policy,
            'help': help,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def exists_in(self, version: Version | None) -> bool:
        """Whether the field is there at a microversion (None: the service has none)."""
        return exists_in(self, version)

    def is_writable(self, create: bool) -> bool:
        """Whether a client may give it on create, or on update."""
        return READ_ONLY not in self.flags and (UPDATE_ONLY if create else CREATE_ONLY) not in self.flags


@dataclasses.dataclass(frozen=True, init=False)
class Filter:
    """A query parameter of a list. `many`: it may be repeated and handlers always get a list."""

    name: str
    type: Type
    many: bool | None
    since: Version | None
    until: Version | None
    help: str

    def __init__(
        self,
        name: str,
        type: Any = MISSING,
        *,
        many: bool | None = None,
        since: str | None = None,
        until: str | None = None,
        help: str = '',
    ) -> None:
        from_field = None if type is MISSING else as_type(type)
        values = {
            'name': name,
            'type': from_field,
            'many': many,
            'since': Version.parse(since) if since else None,
            'until': Version.parse(until) if until else None,
            'help': help,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def exists_in(self, version: Version | None) -> bool:
        """Whether the parameter is there at a microversion."""
        return exists_in(self, version)
