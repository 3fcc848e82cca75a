"""Images as headers: version 1 of the API carries metadata in `x-image-meta-*`, in requests and in answers.

Names of attributes hold underscores, which many clients write as they are (`x-image-meta-disk_format`). The server keeps such headers
apart as `IGNORED_...`, since they could be mistaken for others; here they are what is meant, and nothing else is read from them.
"""

from __future__ import annotations

import datetime
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from common.errors import InvalidInput

_META = re.compile(r'(?:HTTP|IGNORED)_X_IMAGE_META_(.+)\Z')
_PROPERTY = 'property_'
_TEXTS = ('id', 'name', 'disk_format', 'container_format', 'owner')
_TRUTHS = {'true': True, '1': True, 'on': True, 'yes': True, 't': True, 'y': True}
_LIES = {'false': False, '0': False, 'off': False, 'no': False, 'f': False, 'n': False}
_CONTROL = re.compile(r'[\x00-\x1f\x7f]+')
_QUOTED = re.compile(r'(?:[A-Za-z0-9_.~:/-]|%[0-9A-Fa-f]{2})*\Z')
_NAME_SAFE = "!#$&'*+.^_`|~"
_LARGEST = 2**63


class Meta:
    """What the headers of a request say about an image.

    `attributes`: of the image, by the names of the newest version (with `visibility` where is_public was given). `properties`: custom
    ones. `rest`: what is about the request: size, checksum, location, copy_from, store.
    """

    def __init__(self, attributes: dict[str, Any], public: bool | None, properties: dict[str, str], rest: dict[str, str]) -> None:
        self.attributes, self.public, self.properties, self.rest = attributes, public, properties, rest

    @property
    def size(self) -> int | None:
        """Bytes that are announced, or None. Raises InvalidInput."""
        return whole('size', self.rest['size']) if self.rest.get('size') else None


def read(environ: Mapping[str, Any]) -> Meta:
    """The metadata of a request. Raises InvalidInput for a number or a truth value that is none."""
    quoted = 'glanceclient' in environ.get('HTTP_USER_AGENT', '')
    attributes: dict[str, Any] = {}
    properties: dict[str, str] = {}
    rest: dict[str, str] = {}
    public = None
    for key, raw in environ.items():
        match = _META.match(key)
        if match is None:
            continue
        name, value = match[1].lower(), _text(raw, quoted)
        if name.startswith(_PROPERTY):
            properties[name.removeprefix(_PROPERTY)] = value
        elif name in _TEXTS:
            attributes[name] = value or None
        elif name in ('min_disk', 'min_ram'):
            attributes[name] = whole(name, value) if value else 0
        elif name in ('protected', 'is_public') and value.lower() in ('', 'none'):
            continue  # what the command writes where its user says nothing
        elif name == 'protected':
            attributes[name] = truth(name, value)
        elif name == 'is_public':
            public = truth(name, value)
        else:
            rest[name] = value
    for key in ('HTTP_X_GLANCE_API_COPY_FROM', 'IGNORED_X_GLANCE_API_COPY_FROM'):
        if environ.get(key):
            rest['copy_from'] = _text(environ[key], quoted)
    return Meta(attributes, public, properties, rest)


def _text(raw: str, quoted: bool) -> str:
    """The words that a header means: UTF-8, and percent-encoded by the client whose habit that is."""
    if quoted and '%' in raw and _QUOTED.match(raw):
        return urllib.parse.unquote(raw, errors='replace')
    return raw.encode('latin-1', 'replace').decode('utf-8', 'replace')


def truth(name: str, text: str) -> bool:
    """True or false, in the words that clients use for them. Raises InvalidInput."""
    found = (_TRUTHS | _LIES).get(text.strip().lower())
    if found is None:
        raise InvalidInput(f'{name} is true or false, not {text[:40]!r}.', field=name)
    return found


def whole(name: str, text: str) -> int:
    """A number of bytes or the like. Raises InvalidInput."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) >= _LARGEST:
        raise InvalidInput(f'{name} is a whole number that is not negative, not {text[:40]!r}.', field=name)
    return int(text)


def time(when: datetime.datetime) -> str:
    """A time as version 1 writes it: UTC, without a zone."""
    return when.strftime('%Y-%m-%dT%H:%M:%S.000000')


def write(view: dict[str, Any]) -> list[tuple[str, str]]:
    """An image's view as headers. Line breaks in values become spaces; names that no header may have are percent-encoded."""
    found = [
        (f'X-Image-Meta-{name.capitalize()}', _raw(value)) for name, value in view.items() if value is not None and name != 'properties'
    ]
    for name, value in view['properties'].items():
        found.append((f'X-Image-Meta-Property-{urllib.parse.quote(name, safe=_NAME_SAFE)}', _raw(value)))
    return found


def _raw(value: Any) -> str:
    return _CONTROL.sub(' ', str(value)).strip().encode().decode('latin-1')
