"""What lists of the volume API may be asked with."""

from __future__ import annotations

from common.api import Call
from common.api.paging import PARAMETERS as PAGING
from common.errors import InvalidInput

_STRICT = (3, 31)
"""From this version on upstream refuses what a list cannot be filtered by."""


def refuse_unknown(call: Call, things: str) -> None:
    """Raise InvalidInput rather than leave a filter out and answer with too much."""
    unknown = sorted(set(call.request.params) - call.query.keys() - PAGING)
    if unknown and call.version is not None and call.version >= _STRICT:
        raise InvalidInput(f'{things} cannot be filtered by {unknown[0][:64]!r}.', field=unknown[0][:64])
