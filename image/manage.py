"""`image-manage`: the operator's command for the image service.

image-manage db sync
image-manage quota show PROJECT | set PROJECT NAME=LIMIT... | reset PROJECT
image-manage store list | check | clean NAME
image-manage metadefs load [DIR] [--replace] | unload [DIR] | export DIR
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from common.api.schema import Validator
from common.config import DatabaseOptions, ServiceOptions, Settings
from common.db import Database
from common.manage import run
from image.api.metadefs.common import form
from image.metadefs import files
from image.quota_commands import quota_verb
from image.store_commands import store_verb


def metadefs_verb(arguments: list[str], settings: Settings) -> int:
    """Metadata definitions from files, and into files."""
    parser = argparse.ArgumentParser(prog='image-manage metadefs', description=metadefs_verb.__doc__)
    verbs = parser.add_subparsers(dest='verb', required=True)
    load = verbs.add_parser('load', help='make the namespaces of the files; those that exist are kept')
    load.add_argument('--replace', action='store_true', help='make those that exist anew')
    unload = verbs.add_parser('unload', help='remove the namespaces of the files, protected or not')
    for verb in (load, unload):
        verb.add_argument('folder', nargs='?', type=pathlib.Path, default=files.OWN, help='folder of *.json; default: the set of Pileus')
    export = verbs.add_parser('export', help='write every namespace to a file of its own')
    export.add_argument('folder', type=pathlib.Path)
    given = parser.parse_args(arguments)
    options = settings.get(ServiceOptions)
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    check = Validator(form('namespace').schema(), 'namespace')
    db = Database(template.format(service='image', state=options.state_dir))
    try:
        if given.verb == 'export':
            done = {name: str(path) for name, path in files.export(db, given.folder).items()}
        elif given.verb == 'load':
            done = files.load(db, files.read(given.folder, check), given.replace)
        else:
            done = files.unload(db, list(files.read(given.folder, check)))
    finally:
        db.dispose()
    for name, what in done.items():
        print(f'{name}: {what}')
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    return run(
        'image', 'image.db', sys.argv[1:] if argv is None else argv, {'metadefs': metadefs_verb, 'quota': quota_verb, 'store': store_verb}
    )
