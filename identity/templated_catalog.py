"""The catalog from a file, for clouds whose operator writes it by hand.

The classic form, one value a line; `#` begins a comment:

    catalog.RegionOne.compute.publicURL = http://cloud.example.org:8774/v2.1
    catalog.RegionOne.compute.internalURL = http://10.0.0.1:8774/v2.1
    catalog.RegionOne.compute.name = Compute Service

URLs may hold `$(project_id)s`, `$(tenant_id)s` and `$(user_id)s`.
"""

from __future__ import annotations

import hashlib
import logging
import pathlib
import re
import threading
from collections.abc import Callable

from common.config import ConfigError
from common.errors import InvalidInput

LOG = logging.getLogger(__name__)
_LINE = re.compile(r'catalog\.(?P<region>[^\s=]+)\.(?P<type>[^\s.=]+)\.(?P<key>[A-Za-z]+)\s*=\s*(?P<value>\S.*)')
_INTERFACES = {'publicURL': 'public', 'internalURL': 'internal', 'adminURL': 'admin'}

EndpointRow = tuple[str, str, str, str, str, str, str]
"""Service id, type, name, endpoint id, interface, region, URL."""


class TemplatedCatalog:
    """A catalog file, read again when it has changed. Ids follow from what stands in it, so they stay the same.

    :param check_url: raises InvalidInput for a URL that cannot be
    :raises ConfigError: naming file and line, for a file that cannot be used
    """

    def __init__(self, path: str, check_url: Callable[[str], object]) -> None:
        if not path:
            raise ConfigError('[catalog] template_file must name the file of the catalog.')
        self._path = pathlib.Path(path)
        self._check_url = check_url
        self._lock = threading.Lock()
        self._stamp = self._stamped()
        self._rows = self._read()

    def rows(self) -> list[EndpointRow]:
        """All endpoints. A change of the file that cannot be used is logged, and the catalog stays as it was."""
        with self._lock:
            try:
                stamp = self._stamped()
                if stamp != self._stamp:
                    self._stamp = stamp
                    self._rows = self._read()
            except ConfigError as error:
                LOG.error('the catalog stays as it was: %s', error.message)
            return self._rows

    def _stamped(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise ConfigError(f'The catalog file {self._path} cannot be read: {error.strerror}.') from error
        return found.st_mtime_ns, found.st_size

    def _read(self) -> list[EndpointRow]:
        try:
            text = self._path.read_text('utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f'The catalog file {self._path} cannot be read: {error}.') from error
        urls: dict[tuple[str, str, str], str] = {}
        names: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                raise ConfigError(f'{self._path}, line {number}: this is not like catalog.REGION.TYPE.publicURL = http://...')
            region, type_, key, value = match.group('region', 'type', 'key', 'value')
            if key == 'name':
                names.setdefault(type_, value)
            elif key in _INTERFACES:
                self._checked(number, value)
                urls[region, type_, _INTERFACES[key]] = value
            elif key != 'id':
                raise ConfigError(f'{self._path}, line {number}: {key} is none of {", ".join(_INTERFACES)}, name.')
        return [
            (_id(type_), type_, names.get(type_, ''), _id(region, type_, interface), interface, region, url)
            for (region, type_, interface), url in urls.items()
        ]

    def _checked(self, number: int, url: str) -> None:
        try:
            self._check_url(url)
        except InvalidInput as error:
            raise ConfigError(f'{self._path}, line {number}: {error.message}') from error


def _id(*parts: str) -> str:
    return hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:32]
