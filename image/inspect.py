"""What the bytes of an image really are: the rules of disks are shared with the compute hosts, those of containers are the service's."""

from __future__ import annotations

from collections.abc import Iterator

from common import image_format
from common.errors import TooLarge
from image.ova import OvaInspection

__all__ = ['Inspection']


class Inspection(image_format.Inspection):
    """Looks at data that passes through `watch`, then `verdict` says whether it is what was declared.

    :param disk_format: the declared format; `None`: nothing is looked at
    :param container_format: the declared container; in an OVA its archive is looked at
    :param largest: bytes of the disk that the data may unfold to
    """

    def __init__(
        self, disk_format: str | None, container_format: str | None = 'bare', *, enforce: bool = True, largest: int | None = None
    ) -> None:
        super().__init__(disk_format, container_format, enforce=enforce)
        self._ova = OvaInspection() if container_format == 'ova' and disk_format is not None and enforce else None
        self._largest = largest

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks, looked at on their way. Raises InvalidInput as soon as a lie shows."""
        return super().watch(chunks) if self._ova is None else self._ova.watch(chunks)

    def verdict(self) -> None:
        """Judge what has been seen; to be called at the end of the data. Raises InvalidInput, TooLarge."""
        if self._ova is not None:
            self._ova.verdict()
            return
        super().verdict()
        if self._largest is not None and (self.virtual_size or 0) > self._largest:
            raise TooLarge(f'The image unfolds to a disk of {self.virtual_size} bytes; the most is {self._largest}.')
