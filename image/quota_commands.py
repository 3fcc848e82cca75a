"""`image-manage quota`: the limits of single projects, where identity's do not hold."""

from __future__ import annotations

import argparse

from common.config import DatabaseOptions, ServiceOptions, Settings
from common.db import Database
from common.errors import InvalidInput
from image.conf import ImageOptions
from image.quotas import IN_MIB, MIB, RESOURCES, ImageQuotas


def quota_verb(arguments: list[str], settings: Settings) -> int:
    """Show and change what a project may have."""
    parser = argparse.ArgumentParser(prog='image-manage quota', description=quota_verb.__doc__)
    verbs = parser.add_subparsers(dest='verb', required=True)
    for verb, words in (('show', 'use and limits'), ('set', 'change limits'), ('reset', 'give the project the defaults again')):
        one = verbs.add_parser(verb, help=words)
        one.add_argument('project', help='id of the project')
        if verb == 'set':
            one.add_argument('limits', nargs='+', metavar='NAME=LIMIT', help=f'{", ".join(RESOURCES)}; sizes in MiB, -1: no limit')
    given = parser.parse_args(arguments)
    wanted = dict(_limit(text) for text in getattr(given, 'limits', ()))
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    db = Database(template.format(service='image', state=settings.get(ServiceOptions).state_dir))
    quotas = ImageQuotas(settings.get(ImageOptions))
    try:
        with db.write() as session:
            if given.verb == 'set':
                quotas.set_limits(session, given.project, wanted)
            elif given.verb == 'reset':
                quotas.reset(session, given.project)
            for name, (used, limit) in quotas.usages(session, given.project).items():
                print(
                    f'{name}: {used // MIB if name in IN_MIB else used} of {"any number" if limit < 0 else limit}{" MiB" * (name in IN_MIB)}'
                )
    finally:
        db.dispose()
    return 0


def _limit(text: str) -> tuple[str, int]:
    name, equals, amount = text.partition('=')
    if not equals or not amount.lstrip('-').isdigit():
        raise InvalidInput(f'{text[:80]!r} is not NAME=LIMIT.')
    return name, int(amount)
