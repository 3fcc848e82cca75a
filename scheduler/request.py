"""What is asked for: the claim request, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from common.errors import InvalidInput

AMOUNTS = ('vcpus', 'ram', 'disk')
KINDS = ('server', 'volume')
POLICIES = ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')
_LIMIT = 2**40


@dataclasses.dataclass(slots=True)
class Request:
    """A claim request. `near` and `far` are filled in by the claims: names of hosts that hold what hints and groups speak of."""

    kind: str = 'server'
    vcpus: int = 0
    ram: int = 0
    disk: int = 0
    project: str | None = None
    zone: str | None = None
    force_host: str | None = None
    exclude: frozenset[str] = frozenset()
    image: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    extra_specs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    different_host: tuple[str, ...] = ()
    same_host: tuple[str, ...] = ()
    group: Mapping[str, Any] | None = None
    far: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    members: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def policy(self) -> str | None:
        """The policy of the server group, if there is one."""
        return self.group.get('policy') if self.group else None

    @property
    def consumers(self) -> set[str]:
        """Consumers whose hosts matter for this request."""
        members = self.group.get('members', ()) if self.group else ()
        return {*self.different_host, *self.same_host, *members}

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Request:
        """From the dict of the contract; raises InvalidInput for unknown keys and impossible amounts."""
        known = {field.name for field in dataclasses.fields(cls)} - {'far', 'near', 'members'}
        unknown = sorted(set(data) - known)
        if unknown:
            raise InvalidInput(f'A claim request has no {unknown[0]}.', field=unknown[0])
        values = {name: value for name, value in data.items() if value is not None}
        for name in AMOUNTS:
            amount = values.get(name, 0)
            if not isinstance(amount, int) or not 0 <= amount <= _LIMIT:
                raise InvalidInput(f'The amount of {name} must be a whole number from 0.', field=name)
        if values.get('kind', 'server') not in KINDS:
            raise InvalidInput(f'A claim is for one of {", ".join(KINDS)}.', field='kind')
        group = values.get('group')
        if group and (group.get('policy') not in POLICIES or not group.get('id')):
            raise InvalidInput(f'A group has an id and one of the policies {", ".join(POLICIES)}.', field='group')
        values['exclude'] = frozenset(values.get('exclude', ()))
        for name in ('different_host', 'same_host'):
            given = values.get(name, ())
            values[name] = (given,) if isinstance(given, str) else tuple(given)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """For the record of the decision, without what is empty."""
        out: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value or field.name in ('near', 'far', 'members'):
                continue
            out[field.name] = sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value
        return out
