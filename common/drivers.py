"""Drivers by name: the built-in ones from a table, others from installed distributions.

A distribution offers a driver with an entry point in the group `pileus.<kind>`; only the one asked for is imported.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

from common.config import ConfigError

BUILT_IN: dict[str, dict[str, str]] = {
    'compute.virt': {'libvirt': 'compute.virt.libvirt.driver:LibvirtDriver', 'simulated': 'compute.virt.simulated:SimulatedDriver'},
    'volume.pool': {'file': 'volume.drivers.file:FilePool', 'simulated': 'volume.drivers.simulated:SimulatedPool'},
    'volume.target': {'tgt': 'volume.targets.tgt:TgtTarget', 'simulated': 'volume.drivers.simulated:SimulatedTarget'},
    'identity.users': {
        'sql': 'identity.drivers.sql:SqlBackend',
        'ldap': 'identity.drivers.ldap:LdapBackend',
        'kv': 'identity.drivers.kv:KeyValueBackend',
        'pam': 'identity.drivers.pam:PamBackend',
    },
    'image.store': {
        'filesystem': 'image.drivers.filesystem:FilesystemStore',
        'http': 'image.drivers.http:HttpStore',
        's3': 'image.drivers.s3:S3Store',
        'swift': 'image.drivers.swift:SwiftStore',
    },
}


def load(kind: str, name: str) -> Any:
    """The class of a driver. Raises ConfigError, which lists those that are known."""
    path = BUILT_IN.get(kind, {}).get(name)
    if path is not None:
        module, _, attribute = path.partition(':')
        return getattr(importlib.import_module(module), attribute)
    offered = {entry.name: entry for entry in importlib.metadata.entry_points(group=f'pileus.{kind}')}
    if name in offered:
        return offered[name].load()
    known = ', '.join(sorted({*BUILT_IN.get(kind, {}), *offered}))
    raise ConfigError(f'There is no {kind} driver {name!r}; known: {known}.')
