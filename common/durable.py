"""Names and data that survive a power cut."""

from __future__ import annotations

import os
import pathlib


def sync(path: pathlib.Path) -> None:
    """Wait until a file's data, or the names in a folder, are on the disk (fsync(2)). Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
