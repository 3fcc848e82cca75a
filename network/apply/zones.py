"""Conntrack zones: a number per network of this host, kept as long as the rules that say so are there. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from network.apply import names

LAST = 65535


def parse(rules: Iterable[str]) -> dict[str, int]:
    """Bridge -> zone from the rules of the zone chain."""
    found = {}
    for rule in rules:
        words = rule.split()
        if len(words) == 6 and words[0] == '-i' and words[4] == '--zone' and words[5].isdigit():
            found[words[1]] = int(words[5])
    return found


def allocate(network_ids: Iterable[str], present: dict[str, int]) -> dict[str, int]:
    """Network -> zone: the one it has, else one that its id gives and nobody uses."""
    wanted = sorted(set(network_ids))
    chosen = {n: present[names.bridge(n)] for n in wanted if names.bridge(n) in present}
    taken = set(chosen.values())
    for network in wanted:
        if network in chosen:
            continue
        zone = int.from_bytes(hashlib.sha256(network.encode()).digest()[:2]) % LAST + 1
        while zone in taken:
            zone = zone % LAST + 1
        chosen[network] = zone
        taken.add(zone)
    return chosen
