"""Microversions: what a service offers, and what a request asks for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self

from common.errors import InvalidInput, UnsupportedVersion

_FORM = re.compile(r'(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\Z', re.ASCII)
_MEMO_SIZE = 256


class Version(NamedTuple):
    """A microversion; compares as a pair. `call.version >= (2, 26)`."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `2.26`. Raises ValueError for anything else."""
        found = _FORM.match(text)
        if found is None:
            raise ValueError(f'{text!r} is not a version')
        return cls(int(found[1]), int(found[2]))

    def at_least(self, text: str) -> bool:
        """Whether it is this version or a newer one."""
        return self >= Version.parse(text)

    def __str__(self) -> str:
        return f'{self.major}.{self.minor}'


class Ranged(Protocol):
    """What exists in some versions only."""

    @property
    def since(self) -> Version | None: ...

    @property
    def until(self) -> Version | None: ...


def exists_in(part: Ranged, version: Version | None) -> bool:
    """Whether a part is there at a version (None: the service has none)."""
    return version is None or ((part.since is None or version >= part.since) and (part.until is None or version <= part.until))


@dataclasses.dataclass(frozen=True)
class VersionSpec:
    """The microversions of a service: `VersionSpec('compute', '2.1', '2.90')`.

    `service_type` is the word clients write in `OpenStack-API-Version: compute 2.26`; `legacy_header` is a header that
    carries the version alone; `default` applies to requests that ask for none (the lowest, if not given).
    """

    service_type: str
    minimum: str
    maximum: str
    legacy_header: str | None = None
    default: str | None = None
    _memo: dict[tuple[str | None, str | None], Version] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @property
    def lowest(self) -> Version:
        """The oldest version offered."""
        return Version.parse(self.minimum)

    @property
    def highest(self) -> Version:
        """The newest version offered."""
        return Version.parse(self.maximum)

    def of_request(self, environ: Mapping[str, Any]) -> Version:
        """The version a request asks for. Raises InvalidInput (malformed), UnsupportedVersion (out of range)."""
        standard = environ.get('HTTP_OPENSTACK_API_VERSION')
        legacy = environ.get(self._legacy_key) if self.legacy_header else None
        version = self._memo.get((standard, legacy))
        if version is None:
            version = self._negotiate(standard, legacy)
            if len(self._memo) < _MEMO_SIZE:
                self._memo[standard, legacy] = version
        return version

    def headers(self, version: Version | None) -> list[tuple[str, str]]:
        """What every answer carries; without a version, only what the answer depends on."""
        names = ['OpenStack-API-Version'] + ([self.legacy_header] if self.legacy_header else [])
        found = [('Vary', ', '.join(names))]
        if version is not None:
            found.append(('OpenStack-API-Version', f'{self.service_type} {version}'))
            if self.legacy_header:
                found.append((self.legacy_header, str(version)))
        return found

    @property
    def _legacy_key(self) -> str:
        return 'HTTP_' + (self.legacy_header or '').upper().replace('-', '_')

    def _negotiate(self, standard: str | None, legacy: str | None) -> Version:
        text = self._asked_in(standard) if standard is not None else None
        if text is None:
            text = legacy.strip() if legacy is not None else None
        if text is None:
            return Version.parse(self.default or self.minimum)
        if text == 'latest':
            return self.highest
        try:
            version = Version.parse(text)
        except ValueError:
            raise InvalidInput(
                f'API Version String {text[:40]!r} is of invalid format. Must be of format MajorNum.MinorNum, or latest.'
            ) from None
        if not self.lowest <= version <= self.highest:
            raise UnsupportedVersion(
                f'Version {version} is not supported by the API. Minimum is {self.minimum} and maximum is {self.maximum}.'
            )
        return version

    def _asked_in(self, header: str) -> str | None:
        """The version that the standard header gives for this service; it may list several services."""
        for part in header.split(','):
            service, _, text = part.strip().partition(' ')
            if service.lower() == self.service_type:
                return text.strip() or ''
        return None


@dataclasses.dataclass(frozen=True)
class Epochs:
    """The versions at which anything of a resource changes, ascending; an epoch is the index of the span between two."""

    starts: tuple[Version, ...]

    @classmethod
    def of(cls, ranges: list[tuple[Version | None, Version | None]]) -> Self:
        """From the (since, until) of all parts of a resource."""
        starts = {since for since, _ in ranges if since is not None}
        starts |= {Version(until.major, until.minor + 1) for _, until in ranges if until is not None}
        return cls(tuple(sorted(starts)))
