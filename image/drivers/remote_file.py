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

    The first body is opened at once, so that who asks learns whether there is one; `size` is what it says the whole has.

    :param open_at: gives the data from a byte on, up to another one or the end; a body that begins earlier is read up to there
    :param start: where the file stands
    :param stop: as far as the reader will read, if that is known: no more is asked for
    """

    def __init__(self, open_at: Callable[[int, int | None], Body], start: int = 0, stop: int | None = None) -> None:
        super().__init__()
        self._open_at, self._position, self._stop = open_at, start, stop
        self._body: Body | None = open_at(start, stop)
        self._fresh = True
        self.size = self._body.size

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
            self._position, self._stop = base + offset, None
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, b'' at the end; all of the rest for a negative size. Raises Unavailable."""
        if size < 0:
            return self.readall()
        if self.size is not None and self._position >= self.size:
            return b''
        if self._stop is not None and self._position >= self._stop:  # the reader wants more than he said
            self._drop()
            self._stop = None
        wanted = size if self._stop is None else min(size, self._stop - self._position)
        for attempt in range(_TRIES):
            try:
                chunk = self._opened().read(wanted)
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
            self._body, self._fresh = self._open_at(self._position, self._stop), True
        body = self._body
        if self._fresh:
            self._fresh = False
            left = self._position - body.start
            while left > 0 and (skipped := len(body.read(min(left, _SKIP)))):
                left -= skipped
        return body

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def close(self) -> None:
        """End it."""
        self._drop()
        super().close()


def range_of(start: int, stop: int | None) -> str:
    """What a Range header says to ask for these bytes; '' for all."""
    return '' if not start and stop is None else f'bytes={start}-{"" if stop is None else stop - 1}'
