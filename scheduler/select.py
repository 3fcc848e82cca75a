"""Choosing: filters, then weighers. Pure; takes hosts, gives candidates and the tally."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from scheduler.conf import SchedulerOptions
from scheduler.explanation import Tally, nearest_fit
from scheduler.filters import filters_for
from scheduler.host import Host
from scheduler.request import Request
from scheduler.weighers import weighers_for


def candidates(hosts: Sequence[Host], request: Request, options: SchedulerOptions, *, start: int | None = None) -> tuple[list[Host], Tally]:
    """Hosts that fit, the best first, and the tally of what was looked at.

    Looking begins anywhere (`start`) and ends when enough fitting hosts are found to choose among, so that ten thousand hosts cost
    little more than a few hundred; when none fits, every host was looked at.
    """
    checks = [one.check for one in filters_for(request)]
    enough = options.sample or len(hosts)
    fitting: list[Host] = []
    tally = Tally()
    first = random.randrange(len(hosts)) if start is None and hosts else start or 0
    for part in (hosts[first:], hosts[:first]):
        for host in part:
            for check in checks:
                verdict = check(host, request)
                if verdict is not None:
                    tally.refuse(host, verdict)
                    break
            else:
                fitting.append(host)
                if len(fitting) >= enough:
                    break
        if len(fitting) >= enough:
            break
    tally.fitting = len(fitting)
    return _best_first(fitting, request, options), tally


def _best_first(fitting: list[Host], request: Request, options: SchedulerOptions) -> list[Host]:
    weighers = [(one.weigh, one.multiplier) for one in weighers_for(request, options)]
    if len(fitting) < 2 or not weighers:
        return fitting
    weighed = []
    draw = random.random
    for host in fitting:
        weight = 0.0
        for weigh, multiplier in weighers:
            weight += multiplier * weigh(host, request)
        weighed.append((-weight, draw(), host))
    weighed.sort(key=_key)
    return [host for _, _, host in weighed]


def _key(one: tuple[float, float, Host]) -> tuple[float, float]:
    return one[0], one[1]


def explain_refusal(hosts: Sequence[Host], request: Request, tally: Tally) -> dict[str, Any]:
    """The explanation of a refusal: counts, and what would fit."""
    explanation = tally.to_dict()
    nearest = nearest_fit(hosts, request, filters_for(request))
    if nearest is not None:
        explanation['nearest'] = nearest
    return explanation
