"""`pileus image upload` and `pileus image download`."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from common.errors import InvalidInput
from pileus import image_files

_VISIBILITIES = ('public', 'private', 'shared', 'community')


def add(image: argparse.ArgumentParser, common: Any) -> None:
    """Add the verbs below `pileus image`.

    :param common: (subparsers, name, function, help) -> a parser with the options that every verb has
    """
    verbs = image.add_subparsers(dest='image_verb', required=True, metavar='VERB')
    put = common(verbs, 'upload', upload_verb, 'make an image of a file')
    put.add_argument('file', type=pathlib.Path)
    put.add_argument('--name', help='default: the name of the file without its ending')
    put.add_argument('--disk-format', default='', help='default: what the file looks like')
    put.add_argument('--container-format', default='bare')
    for name in _VISIBILITIES:
        put.add_argument(f'--{name}', dest='visibility', action='store_const', const=name, default='')
    put.add_argument('--property', action='append', default=[], metavar='NAME=VALUE')
    put.add_argument('--tag', action='append', default=[])
    put.add_argument('--min-disk', type=int, default=0, metavar='GIB')
    put.add_argument('--min-ram', type=int, default=0, metavar='MIB')
    put.add_argument('--protected', action='store_true', help='the image cannot be deleted')
    put.add_argument('--if-not-exists', action='store_true', help='do nothing when the project has an image of this name')
    get = common(verbs, 'download', download_verb, 'write an image into a file; again, it goes on where it broke off')
    get.add_argument('image', help='id or name')
    get.add_argument('file', type=pathlib.Path)
    get.add_argument('--force', action='store_true', help='replace the file')
    for verb in (put, get):
        verb.add_argument('--os-cloud', help='a cloud of clouds.yaml; else the environment, else the state folder')


def upload_verb(given: argparse.Namespace) -> int:
    """Upload; prints the id of the image."""
    wish = image_files.Wish(
        given.file, given.name or given.file.stem, given.disk_format, given.container_format, given.visibility,
        dict(_property(text) for text in given.property), tuple(given.tag), given.min_disk, given.min_ram, given.protected,
        given.if_not_exists,
    )  # fmt: skip
    with _progress(wish.name) as report:
        image, is_new = image_files.upload(_apis(given), wish, report)
    if given.json:
        print(json.dumps(image, indent=1))
    else:
        print(image['id'])
        _remark(f'{image["size"]} bytes, {image["disk_format"]}, {image["status"]}' if is_new else 'is there already')
    return 0


def download_verb(given: argparse.Namespace) -> int:
    """Download."""
    with _progress(given.image) as report:
        image = image_files.download(_apis(given), given.image, given.file, report, replace=given.force)
    if given.json:
        print(json.dumps(image, indent=1))
    else:
        _remark(f'{given.file}: {image["size"]} bytes, verified')
    return 0


def _apis(given: argparse.Namespace) -> Any:
    from pileus import credentials
    from pileus.apis import Apis

    arguments, region = credentials.find(given.state, given.os_cloud)
    apis = Apis(credentials.session(arguments), region)
    apis.connect()
    return apis


def _property(text: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals or not name:
        raise InvalidInput(f'--property wants NAME=VALUE, not {text!r}.')
    return name, value


def _remark(text: str) -> None:
    print(text, file=sys.stderr)


@contextlib.contextmanager
def _progress(name: str) -> Iterator[image_files.Report]:
    """A bar on standard error while it is a terminal; nothing otherwise."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        escape(name),
        BarColumn(),
        '{task.percentage:>3.0f}%',
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
