"""What the bytes of a disk image really are.

Detection is oslo.utils' format inspector, fed while the data streams by. An image that lies about its format, names a
backing or data file, or carries unknown features is refused: a hypervisor that opened it could be made to read files of
its host. The image service looks at uploads, and each compute host again at what it downloads: neither relies on the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, cast

from common.errors import InvalidInput
from common.image_ends import Ends, fixed_vhd_size
from common.image_vmdk import why_unsafe

if TYPE_CHECKING:
    from oslo_utils.imageutils import format_inspector

# What each declared format may look like. A raw disk with a partition table is seen as `gpt`, an encrypted one as `luks`.
_ACCEPTED: dict[str, frozenset[str]] = {
    'raw': frozenset({'raw', 'gpt', 'luks'}),
    'gpt': frozenset({'gpt'}),
    'qcow2': frozenset({'qcow2'}),
    'vhd': frozenset({'vhd'}),
    'vhdx': frozenset({'vhdx'}),
    'vdi': frozenset({'vdi'}),
    'vmdk': frozenset({'vmdk'}),
    'iso': frozenset({'iso', 'gpt'}),
    'ami': frozenset({'raw', 'gpt'}),
    'aki': frozenset({'raw', 'gpt'}),
    'ari': frozenset({'raw', 'gpt'}),
    'ploop': frozenset({'raw', 'parallels'}),
}
# Formats whose header says how large the disk is that they unfold to.
_WITH_VIRTUAL_SIZE = frozenset({'qcow2', 'vhd', 'vhdx', 'vdi', 'vmdk'})


class Inspection:
    """Looks at data that passes through `watch`, then `verdict` says whether it is what was declared.

    :param disk_format: the declared format; `None` and containers other than bare data are not inspected
    :param container_format: the declared container; only what is `bare` has a format that can be seen
    :param enforce: False: look, and refuse nothing
    """

    def __init__(self, disk_format: str | None, container_format: str | None = 'bare', *, enforce: bool = True) -> None:
        self._declared = disk_format
        self._enforce = enforce
        self._inspect = disk_format in _ACCEPTED and container_format not in ('ova', 'ovf', 'docker', 'compressed')
        self._wrapper: format_inspector.InspectWrapper | None = None
        self._ends = Ends()
        self.virtual_size: int | None = None

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks, looked at on their way. Raises InvalidInput as soon as a lie shows."""
        if not self._inspect:
            yield from chunks
            return
        from oslo_utils.imageutils import format_inspector  # a quarter of a second, which a start need not wait for

        # A fixed VHD is known by its end alone.
        expected = self._declared if self._enforce and self._declared in _WITH_VIRTUAL_SIZE - {'vhd'} else None
        self._wrapper = format_inspector.InspectWrapper(cast('IO[bytes]', self._ends.watch(chunks)), expected_format=expected)
        try:
            yield from self._wrapper
        except format_inspector.ImageFormatError as error:
            raise self._refusal(str(error)) from None

    def verdict(self) -> None:
        """Judge what has been seen; to be called at the end of the data. Raises InvalidInput."""
        if not self._inspect or self._wrapper is None or self._declared is None:
            return
        self._wrapper.close()
        seen = {str(found): found for found in self._wrapper.formats or []}
        foreign = set(seen) - _ACCEPTED[self._declared] | self._ends.formats() - _ACCEPTED[self._declared]
        if self._declared == 'vhd' and 'vhd' not in seen:
            self.virtual_size = fixed_vhd_size(self._ends)
            foreign = set(seen) - _ACCEPTED['raw'] if self.virtual_size is not None else {'raw'}
        if foreign and self._enforce:
            raise self._refusal(f'the data looks like {", ".join(sorted(foreign))}')
        for name, found in seen.items():
            if self._enforce:
                self._check_safety(name, found)
                if name == 'vmdk' and (why := why_unsafe(self._ends.head)) is not None:
                    raise self._unsafe(why)
            if name in _WITH_VIRTUAL_SIZE:
                self.virtual_size = self._unfolded(found)

    def _unfolded(self, found: format_inspector.FileInspector) -> int | None:
        from oslo_utils.imageutils import format_inspector

        try:
            return int(found.virtual_size)
        except format_inspector.ImageFormatError as error:
            if self._enforce:
                raise self._refusal(str(error)) from None
            return None

    def _check_safety(self, name: str, found: format_inspector.FileInspector) -> None:
        from oslo_utils.imageutils import format_inspector

        if name in ('gpt', 'luks', 'iso'):
            return  # it would be about partition tables and ciphers, which the guest alone reads
        try:
            found.safety_check()
        except format_inspector.ImageFormatError as error:  # they end in the middle of what has to be looked at
            raise self._refusal(str(error)) from None
        except format_inspector.SafetyCheckFailed as error:
            raise self._unsafe('; '.join(str(violation) for violation in error.failures.values())) from None

    @staticmethod
    def _unsafe(why: str) -> InvalidInput:
        return InvalidInput(f'The image is refused: {why}. Flatten it with "qemu-img convert" and upload the result.', field='disk_format')

    def _refusal(self, why: str) -> InvalidInput:
        return InvalidInput(
            f'The data does not match disk_format {self._declared}: {why}. Set disk_format to what the file really is.', field='disk_format'
        )
