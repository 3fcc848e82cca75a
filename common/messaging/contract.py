"""Contracts: what may be asked over messages, written once and shared by both ends.

    class ComputeHost(Contract, topic='compute.host'):
        @cast
        def wake(self, operation: str) -> None: ...
        @call(deadline=5)
        def console_log(self, server: str, lines: int | None) -> str: ...

`call` waits for an answer, `cast` does not, `fanout` reaches every server of the contract. A method or argument that the
contract does not name is refused before it is sent, and again by the server; so is a value of another type than it says.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar

from common.errors import InvalidInput, PileusError

CALL, CAST, FANOUT = 'call', 'cast', 'fanout'


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """One method of a contract. `deadline`: seconds a caller waits for the answer of a call."""

    name: str
    kind: str
    required: frozenset[str]
    known: frozenset[str]
    deadline: float
    kinds: dict[str, tuple[type, ...]]

    def check(self, topic: str, arguments: dict[str, Any]) -> None:
        """Raise InvalidInput when an argument is unknown, missing or of a type that the contract does not say."""
        unknown = arguments.keys() - self.known
        missing = self.required - arguments.keys()
        if unknown or missing:
            what = f'does not know {", ".join(sorted(unknown))}' if unknown else f'needs {", ".join(sorted(missing))}'
            raise InvalidInput(f'{topic}.{self.name} {what}.', code='contract')
        for name, kinds in self.kinds.items():
            if name in arguments and not isinstance(arguments[name], kinds):
                raise InvalidInput(f'{topic}.{self.name}: {name} is of the wrong type ({type(arguments[name]).__name__}).', code='contract')


def _mark(kind: str, deadline: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__message_kind__ = kind, deadline  # type: ignore[attr-defined]
        return function

    return mark


def call(*, deadline: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a method whose answer the caller waits for, up to `deadline` seconds."""
    return _mark(CALL, deadline)


def cast(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method that one server runs some time, and of which nobody hears."""
    return _mark(CAST, 60.0)(function)


def fanout(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method that every server of the contract runs."""
    return _mark(FANOUT, 60.0)(function)


class Contract:
    """Base of contracts; see the module."""

    topic: ClassVar[str]
    revision: ClassVar[int]
    methods: ClassVar[dict[str, Method]]

    def __init_subclass__(cls, *, topic: str, revision: int = 1, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls.topic, cls.revision = topic, revision
        cls.methods = {}
        for name, function in vars(cls).items():
            if hasattr(function, '__message_kind__'):
                kind, deadline = function.__message_kind__
                parameters = [p for p in inspect.signature(function).parameters.values() if p.name != 'self']
                required = frozenset(p.name for p in parameters if p.default is p.empty)
                kinds = _kinds(function, [p.name for p in parameters])
                cls.methods[name] = Method(name, kind, required, frozenset(p.name for p in parameters), deadline, kinds)

    @classmethod
    def method(cls, name: str) -> Method:
        """The method of this name. Raises PileusError for one that the contract does not have."""
        found = cls.methods.get(name)
        if found is None:
            raise PileusError(f'The contract {cls.topic} has no method {name}.', code='contract')
        return found

    @classmethod
    def check_implementation(cls, implementation: object) -> None:
        """Raise TypeError when a method is missing or takes other arguments than the contract says."""
        for name, method in cls.methods.items():
            function = getattr(implementation, name, None)
            if function is None:
                raise TypeError(f'{type(implementation).__name__} lacks {cls.topic}.{name}')
            parameters = list(inspect.signature(function).parameters.values())
            names = {p.name for p in parameters[1:]}
            if not method.known <= names and not any(p.kind is p.VAR_KEYWORD for p in parameters):
                raise TypeError(f'{type(implementation).__name__}.{name} does not take {sorted(method.known - names)}')


_SPEAKABLE: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    dict: (dict,),
    list: (list, tuple),  # a tuple arrives as a list
    type(None): (type(None),),
}


def _kinds(function: Callable[..., Any], names: list[str]) -> dict[str, tuple[type, ...]]:
    """For each argument whose annotation says so, the types that its values may have once they are JSON."""
    hints = typing.get_type_hints(function)
    found = {name: _types_of(hints[name]) for name in names if name in hints}
    return {name: kinds for name, kinds in found.items() if kinds is not None}


def _types_of(hint: Any) -> tuple[type, ...] | None:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        parts = [_types_of(part) for part in typing.get_args(hint)]
        return None if None in parts else tuple(kind for part in parts for kind in part or ())
    return _SPEAKABLE.get(origin or hint)
