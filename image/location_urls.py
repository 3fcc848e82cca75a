"""URLs that clients name as places of image data: who may, where they lead, and the hashes they say."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput, PileusError

if TYPE_CHECKING:
    from image.service import ImageService

_HEX = re.compile(r'[0-9a-fA-F]+\Z')
_LONGEST_URL, _MOST_METADATA = 2048, 16384
_SHORTEST_DIGEST = 28
ALGORITHMS = frozenset(
    name for name in hashlib.algorithms_guaranteed if not name.startswith('shake') and hashlib.new(name).digest_size >= _SHORTEST_DIGEST
)
"""Of hashes that a client may give: those that nobody can forge."""


@dataclasses.dataclass(frozen=True, slots=True)
class NamedPlace:
    """A place that was looked at. `size` in bytes, None where its server does not say."""

    url: str
    store: str
    size: int | None


def look_at(service: ImageService, url: Any) -> NamedPlace:
    """Ask the server of a URL for its data. Takes as long as that; not to be done within a transaction.

    Raises InvalidInput: nothing that a store takes, refused by the guard against URLs into the cloud, or no data there.
    """
    if not isinstance(url, str) or not 0 < len(url) <= _LONGEST_URL:
        raise InvalidInput(f'The url of a location is a text of 1 to {_LONGEST_URL} characters.', field='url')
    try:
        scheme = urllib.parse.urlsplit(url).scheme.lower()
    except ValueError:
        raise InvalidInput('The url of a location cannot be read.', field='url') from None
    store = service.stores.of_scheme(scheme)
    try:
        size = store.size_of_location(url)
    except InvalidInput:
        raise
    except PileusError as error:
        raise InvalidInput(
            f'The location cannot be used: {error.message}', field='url', code='location_unusable', admin_detail=error.admin_detail
        ) from error
    if size is not None and size > service.options.max_size:
        raise InvalidInput(f'The data at the location has {size} bytes; an image has at most {service.options.max_size}.', field='url')
    return NamedPlace(url, store.name, size)


def hashes_of(given: Any, known: str | None = None) -> dict[str, str]:
    """The hashes that a client says the data has, by column: none, or at least a secure one.

    :param known: the algorithm of the hash that the image has already
    :raises: InvalidInput, Conflict (another algorithm: it cannot be compared)
    """
    if not given:
        return {}
    if not isinstance(given, dict) or set(given) - {'checksum', 'os_hash_algo', 'os_hash_value'}:
        raise InvalidInput('validation_data has checksum, os_hash_algo and os_hash_value.', field='validation_data')
    if not given.get('os_hash_algo') or not given.get('os_hash_value'):
        raise InvalidInput('validation_data needs os_hash_algo and os_hash_value, or neither.', field='validation_data')
    algorithm = given['os_hash_algo']
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidInput(f'os_hash_algo is one of {", ".join(sorted(ALGORITHMS))}.', field='os_hash_algo')
    if known is not None and algorithm != known:
        raise Conflict(f'The image has a {known} hash; give the location one of the same kind.', code='other_data')
    _check_digest('os_hash_value', given['os_hash_value'], hashlib.new(algorithm).digest_size * 2)
    if given.get('checksum') is not None:
        _check_digest('checksum', given['checksum'], 32)
    return {name: value if name == 'os_hash_algo' else value.lower() for name, value in given.items() if value is not None}


def _check_digest(name: str, value: Any, digits: int) -> None:
    if not isinstance(value, str) or len(value) != digits or _HEX.match(value) is None:
        raise InvalidInput(f'{name} has {digits} hexadecimal digits.', field=name)


def metadata_of(given: Any, store: str) -> dict[str, Any]:
    """What a client notes about a place; the name of the store is known anyway. Raises InvalidInput."""
    if not isinstance(given, dict) or len(str(given)) > _MOST_METADATA:
        raise InvalidInput(f'The metadata of a location is an object of at most {_MOST_METADATA} characters.', field='metadata')
    return {name: value for name, value in given.items() if (name, value) != ('store', store)}
