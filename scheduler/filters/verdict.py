"""What a filter says."""

from __future__ import annotations

from typing import Any, NamedTuple


class Refused(NamedTuple):
    """No, in this dimension: what was wanted and what the host had (numbers where they make sense)."""

    dimension: str
    wanted: Any = None
    had: Any = None


FIT = None
"""Yes. (None, so that asking is as cheap as can be.)"""
Verdict = Refused | None
