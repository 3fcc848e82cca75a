"""Definitions as files: one JSON document for each namespace, in the form that a namespace can be made with.

An operator's tools, so they see all namespaces and do not ask policies.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput
from image.db import metadefs as queries
from image.metadefs import namespaces
from image.metadefs.records import OBJECT, PROPERTY, TAG, Definition

if TYPE_CHECKING:
    from common.db import Database

OWN = pathlib.Path(__file__).with_name('definitions')
Check = Callable[[dict[str, Any]], None]


def read(folder: pathlib.Path, check: Check) -> dict[str, dict[str, Any]]:
    """The documents of a folder by the names of their namespaces. `check(document)` raises InvalidInput for a wrong form.

    Raises InvalidInput that names the file, also where two files are about one namespace or there is none.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob('*.json')):
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InvalidInput(f'{path} cannot be read: {error}.') from error
        try:
            check(document)
        except InvalidInput as error:
            raise InvalidInput(f'{path}: {error.message}') from error
        if document['namespace'] in found:
            raise InvalidInput(f'{path}: the namespace {document["namespace"]} is in another file too.')
        found[document['namespace']] = document
    if not found:
        raise InvalidInput(f'There is no file *.json in {folder}.')
    return found


def load(db: Database, documents: dict[str, dict[str, Any]], replace: bool) -> dict[str, str]:
    """Make the namespaces, all or none; gives what became of each: made, kept, replaced."""
    done: dict[str, str] = {}
    with db.write() as session:
        for name, document in documents.items():
            before = queries.get_namespace(session, name)
            if before is not None and not replace:
                done[name] = 'kept'
                continue
            if before is not None:
                queries.remove_namespace(session, before.id)
            namespaces.create_in(session, document, before.owner if before else None)
            done[name] = 'replaced' if before else 'made'
    return done


def unload(db: Database, names: list[str]) -> dict[str, str]:
    """Remove the namespaces, protected or not; gives what became of each: removed, unknown."""
    done: dict[str, str] = {}
    with db.write() as session:
        for name in names:
            record = queries.get_namespace(session, name)
            if record is not None:
                queries.remove_namespace(session, record.id)
            done[name] = 'removed' if record else 'unknown'
    return done


def export(db: Database, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Write every namespace to a file of its own; gives their names and files. Raises Conflict where two names make one file."""
    found: dict[str, pathlib.Path] = {}
    with db.read() as session:
        everything = [namespaces.definition(session, record) for record in queries.list_namespaces(session, None, True, None, (), _ALL)]
    folder.mkdir(parents=True, exist_ok=True)
    for one in everything:
        name = one.namespace.namespace
        path = folder / f'{re.sub("[^a-z0-9._-]+", "_", name.lower()).strip("._") or "namespace"}.json'
        if path in found.values():
            raise Conflict(f'The namespaces {name} and another one would both be written to {path}; rename one.')
        found[name] = path
        _write(path, document(one))
    return found


def document(found: Definition) -> dict[str, Any]:
    """A namespace in the form that it can be made with: no times, nothing that is not set."""
    record = found.namespace
    whole = {
        'namespace': record.namespace,
        'display_name': record.display_name,
        'description': record.description,
        'visibility': record.visibility,
        'protected': record.protected,
        'owner': record.owner,
        'resource_type_associations': [
            _set({'name': one.resource_type, 'prefix': one.prefix, 'properties_target': one.properties_target})
            for one in found.associations
        ],
        'properties': {entry.name: entry.body for entry in found.entries[PROPERTY]},
        'objects': [{'name': entry.name, **entry.body} for entry in found.entries[OBJECT]],
        'tags': [{'name': entry.name} for entry in found.entries[TAG]],
    }
    return {key: value for key, value in whole.items() if value not in (None, [], {})}


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _write(path: pathlib.Path, content: dict[str, Any]) -> None:
    """In place at once, so that a file is never half there."""
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_text(json.dumps(content, indent=4, ensure_ascii=False) + '\n', encoding='utf-8')
    partial.replace(path)


class _Everything:
    """The whole list at once, by name."""

    limit: int | None = None
    marker: str | None = None
    sort = (('namespace', 'asc'),)


_ALL = _Everything()
