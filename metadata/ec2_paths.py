"""The EC2 form: a tree of small texts below a version, listed folder by folder."""

from __future__ import annotations

from typing import Any

from common import instance_metadata
from common.instance_metadata import Description

Node = dict[str, Any] | str | bytes


def tree(server: Description) -> dict[str, Any]:
    """Everything below a version."""
    out: dict[str, Any] = {'meta-data': instance_metadata.ec2_meta_data(server)}
    data = instance_metadata.user_data(server)
    if data is not None:
        out['user-data'] = data
    return out


def root_listing() -> str:
    """What `GET /` answers: the versions."""
    return '\n'.join([*instance_metadata.EC2_VERSIONS, 'latest'])


def is_version(name: str) -> bool:
    """Whether the first part of a path is a version of this form."""
    return name == 'latest' or name in instance_metadata.EC2_VERSIONS


def find(server: Description, parts: list[str]) -> bytes | None:
    """The answer for a path below the version (empty parts left out), or None if there is no such thing."""
    node: Node = tree(server)
    for part in parts:
        if not isinstance(node, dict) or part.startswith('_') or part not in node:
            return None
        node = node[part]
    if isinstance(node, dict):
        return _listing(node).encode()
    return node if isinstance(node, bytes) else node.encode()


def _listing(folder: dict[str, Any]) -> str:
    lines = []
    for name in sorted(folder):
        node = folder[name]
        if name.startswith('_'):
            continue
        if isinstance(node, dict):
            lines.append(f'{name}={node["_name"]}' if '_name' in node else f'{name}/')
        else:
            lines.append(name)
    return '\n'.join(lines)
