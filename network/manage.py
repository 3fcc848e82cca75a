"""`network-manage`: the operator's command for the network service."""

from __future__ import annotations

import sys

from common.manage import run


def main(argv: list[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    return run('network', 'network.db', sys.argv[1:] if argv is None else argv)
