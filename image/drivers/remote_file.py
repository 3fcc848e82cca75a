"""Data far away as a file that can be read from anywhere: it is asked for from where the reader stands."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from common.errors import Unavailable
from image.drivers.base import Body

_TRIES = 3
_SKIP = 1 << 20


class RemoteFile(io.RawIOBase):
    """A file over a way to open data from a byte on. A body that breaks off is opened again where it stopped, a few times.

    :param open_at: gives the data from a byte on; one that begins earlier is read up to there
    :param body: what has been opened at 0 already, if anything
    """

    def __init__(self, open_at: Callable[[int], Body], size: int | None, body: Body | None = None) -> None:
        super().__init__()
        self._open_at, self.size, self._body = open_at, size, body
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere. The end is known only where the size is (UnsupportedOperation)."""
        if whence == io.SEEK_END and self.size is None:
            raise io.UnsupportedOperation('the size of the data is not known')
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size or 0}[whence]
        if base + offset != self._position:
            self._drop()
            self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, b'' at the end; all of the rest for a negative size. Raises Unavailable."""
        if size < 0:
            return self.readall()
        if self.size is not None and self._position >= self.size:
            return b''
        for attempt in range(_TRIES):
            try:
                chunk = self._opened().read(size)
                break
            except (Unavailable, OSError):
                self._drop()
                if attempt == _TRIES - 1:
                    raise
        if not chunk and self.size is not None and size:
            raise Unavailable('The data ends before it should.', admin_detail=f'{self._position} of {self.size} bytes')
        self._position += len(chunk)
        return chunk

    def readinto(self, buffer: Any) -> int:
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _opened(self) -> Body:
        if self._body is None:
            body = self._open_at(self._position)
            self._body = body
            left = self._position - body.start
            while left > 0 and (skipped := len(body.read(min(left, _SKIP)))):
                left -= skipped
        return self._body

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def close(self) -> None:
        """End it."""
        self._drop()
        super().close()
