"""Where a simulated host keeps its guests and disks. A value that was got or put is never changed, only replaced."""

from __future__ import annotations

import json
import os
import pathlib
import threading
from typing import Any, Protocol

Value = dict[str, Any]


class Store(Protocol):
    """Values by kind and key."""

    def get(self, kind: str, key: str) -> Value | None:
        """The value, or None."""

    def put(self, kind: str, key: str, value: Value) -> None:
        """Set it."""

    def remove(self, kind: str, key: str) -> None:
        """Forget it; an absent one is fine."""

    def all(self, kind: str) -> dict[str, Value]:
        """Everything of a kind, by key."""


class Memory:
    """In this process only."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Value]] = {}

    def get(self, kind: str, key: str) -> Value | None:
        return self._values.get(kind, {}).get(key)

    def put(self, kind: str, key: str, value: Value) -> None:
        self._values.setdefault(kind, {})[key] = value

    def remove(self, kind: str, key: str) -> None:
        self._values.get(kind, {}).pop(key, None)

    def all(self, kind: str) -> dict[str, Value]:
        return dict(self._values.get(kind, {}))


class Folder:
    """A file for each value: it outlives a killed process as a real hypervisor would, and needs no open files while idle.

    :param top: made when the first value is put
    """

    def __init__(self, top: pathlib.Path) -> None:
        self._top = top

    def get(self, kind: str, key: str) -> Value | None:
        try:
            return dict(json.loads((self._top / kind / key).read_bytes()))
        except FileNotFoundError:
            return None

    def put(self, kind: str, key: str, value: Value) -> None:
        place = self._top / kind
        new = place / f'.{key}.{os.getpid()}.{threading.get_ident()}'
        data = json.dumps(value).encode()
        try:
            new.write_bytes(data)
        except FileNotFoundError:
            place.mkdir(parents=True, exist_ok=True)
            new.write_bytes(data)
        new.replace(place / key)

    def remove(self, kind: str, key: str) -> None:
        (self._top / kind / key).unlink(missing_ok=True)

    def all(self, kind: str) -> dict[str, Value]:
        try:
            keys = [path.name for path in (self._top / kind).iterdir() if not path.name.startswith('.')]
        except FileNotFoundError:
            return {}
        found = ((key, self.get(kind, key)) for key in keys)
        return {key: value for key, value in found if value is not None}
