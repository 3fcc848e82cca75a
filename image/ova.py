"""What an OVA holds: a tar of plain files, the first of which describes the machine. Looked at while the data stream by."""

from __future__ import annotations

import re
from collections.abc import Iterator

from common.errors import InvalidInput

_BLOCK = 512
_MOST_MEMBERS = 1000
_LARGEST_DESCRIPTION = 16 << 20
_NAME = re.compile(r'[A-Za-z0-9_][^/\\\x00-\x1f]{0,254}\Z')
_PLAIN = (b'0', b'\0', b'7')
_HINT = 'An OVA is a tar archive of plain files that begins with the .ovf description.'


class OvaInspection:
    """Walks through the headers of the archive; the files themselves pass by. `names` are those of the members so far."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._known: set[str] = set()  # without regard to case, as some file systems have it
        self._skip = 0
        self._rest = b''
        self._ended = False

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks. Raises InvalidInput as soon as they are no OVA."""
        for chunk in chunks:
            self._walk(chunk)
            yield chunk

    def verdict(self) -> None:
        """To be called at the end of the data. Raises InvalidInput."""
        if not self.names:
            raise _refusal('it is empty')
        if self._skip or self._rest:
            raise _refusal('it ends in the middle of a file')

    def _walk(self, chunk: bytes) -> None:
        at = 0
        while at < len(chunk):
            if self._ended:
                if chunk.count(0, at) != len(chunk) - at:  # some programs would go on reading there
                    raise _refusal('there are data behind its end')
                return
            if self._skip:
                step = min(self._skip, len(chunk) - at)
                self._skip -= step
                at += step
                continue
            step = _BLOCK - len(self._rest)
            self._rest += chunk[at : at + step]
            at += step
            if len(self._rest) == _BLOCK:
                header, self._rest = self._rest, b''
                self._member(header)

    def _member(self, header: bytes) -> None:
        if header == b'\0' * _BLOCK:
            self._ended = True
            return
        if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 32 or header[257:262] != b'ustar':
            raise _refusal('it is no tar archive')
        name = header[:100].rstrip(b'\0').decode('utf-8', 'replace')
        size = _number(header[124:136])
        if header[156:157] not in _PLAIN:
            raise _refusal('a member is no plain file')
        if header[345:500].strip(b'\0') or _NAME.match(name) is None or name.lower() in self._known:
            raise _refusal('a member has a name that is not its own, is empty or leads elsewhere')
        if self.names and name.lower().endswith('.ovf'):
            raise _refusal('it has two .ovf descriptions')
        if not self.names and (not name.lower().endswith('.ovf') or not 0 < size <= _LARGEST_DESCRIPTION):
            raise _refusal('its first member is not the .ovf description')
        if len(self.names) >= _MOST_MEMBERS:
            raise _refusal(f'it has more than {_MOST_MEMBERS} members')
        self.names.append(name)
        self._known.add(name.lower())
        self._skip = -(-size // _BLOCK) * _BLOCK


def _number(field: bytes) -> int:
    """A number of a tar header: octal text, or binary where the first bit is set."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], 'big')
    text = field.strip(b'\0 ')
    if not text or text.strip(b'01234567'):
        raise _refusal('it is no tar archive')
    return int(text, 8)


def _refusal(why: str) -> InvalidInput:
    return InvalidInput(
        f'The data is not an OVA: {why}. {_HINT} Set container_format to what the file really is.', field='container_format'
    )
