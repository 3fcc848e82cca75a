"""Extra specs of flavors: what the host's aggregates and traits must say.

`aggregate_instance_extra_specs:KEY` (or a key without a scope) is compared with the metadata of the host's aggregates,
`trait:NAME` is `required` or `forbidden`, `capabilities:KEY` is compared with what the host reports. Other scopes are no matter of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request

_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    '>=': lambda had, wanted: had >= wanted,
    '<=': lambda had, wanted: had <= wanted,
    '==': lambda had, wanted: had == wanted,
    '!=': lambda had, wanted: had != wanted,
    '>': lambda had, wanted: had > wanted,
    '<': lambda had, wanted: had < wanted,
    '=': lambda had, wanted: had >= wanted,
}


def extra_specs_match(host: Host, request: Request) -> Verdict:
    """Every extra spec that speaks of hosts holds."""
    for key, wanted in request.extra_specs.items():
        scope, _, name = key.rpartition(':')
        if scope == 'trait':
            if (name in host.traits) != (wanted == 'required'):
                return Refused('trait', f'{name} {wanted}', 'has it' if name in host.traits else 'lacks it')
        elif scope in ('', 'aggregate_instance_extra_specs'):
            had = host.metadata.get(name, ())
            if not any(_matches(one, wanted) for one in had):
                return Refused('extra_spec', f'{name}={wanted}', ', '.join(sorted(had)) or None)
        elif scope == 'capabilities':
            reported = host.capability(name)
            if reported is None or not _matches(str(reported), wanted):
                return Refused('extra_spec', f'{name}={wanted}', reported)
    return FIT


def _matches(had: str, wanted: str) -> bool:
    words = wanted.split()
    if len(words) >= 2 and words[0] in _NUMBERS:
        try:
            return _NUMBERS[words[0]](float(had), float(words[1]))
        except ValueError:
            return False
    if len(words) >= 2 and words[0] == '<in>':
        return words[1] in had
    if '<or>' in words:
        return had in [word for word in words if word != '<or>']
    return had == wanted
