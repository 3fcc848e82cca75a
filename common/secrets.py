"""Passwords that the program makes for itself, kept in files that only their owner can read."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets


def new_password(length: int = 32) -> str:
    """A random password of letters and digits, safe in URLs, shells and YAML."""
    return ''.join(secrets.choice('abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789') for _ in range(length))


def write_secret(path: pathlib.Path, text: str) -> None:
    """Write a file that only the owner can read, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f'.{path.name}.{os.getpid()}')
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, 'w') as file:
        file.write(text)
    new.replace(path)


def ensure_secret(path: pathlib.Path, length: int = 32) -> str:
    """The password in a file; one is made where there is none."""
    with contextlib.suppress(FileNotFoundError):
        found = path.read_text().strip()
        if found:
            return found
    write_secret(path, new_password(length) + '\n')
    return path.read_text().strip()
