"""Where data waits until it is imported: files of one directory that every image process of the service sees.

`<image id>.<stage id>` is whole; `....part` arrives; `....note` says what an interrupted transfer can be continued by; `....converted` is
the same in another format, made in the folder `....work`. A stage id is never used again, so a file whose stage its image does not know
is left over and may go at any time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import BinaryIO

from common.errors import NotFound, Unavailable
from image.drivers.filesystem import FileUpload

_PART, _NOTE, _CONVERTED, _WORK = '.part', '.note', '.converted', '.work'
_WORK = '.work'  # the folder of a conversion


class StagingArea:
    """The directory. Readable by the service's user only: what lies here was not inspected."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, image_id: str, stage_id: str) -> pathlib.Path:
        """The file of whole data."""
        return self.directory / f'{image_id}.{stage_id}'

    def part(self, image_id: str, stage_id: str) -> pathlib.Path:
        """The file of data that arrives."""
        return self.directory / f'{image_id}.{stage_id}{_PART}'

    def converted(self, image_id: str, stage_id: str) -> pathlib.Path:
        """The file of the data in another format."""
        return self.directory / f'{image_id}.{stage_id}{_CONVERTED}'

    def begin(self, image_id: str, stage_id: str) -> FileUpload:
        """Start to take data: write, sync, then commit or abort. Raises Unavailable when there is no room."""
        return FileUpload(self.part(image_id, stage_id), self.path(image_id, stage_id))

    def size(self, image_id: str, stage_id: str) -> int | None:
        """Bytes of the whole data; None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return self.path(image_id, stage_id).stat().st_size
        return None

    def open(self, image_id: str, stage_id: str, *, converted: bool = False) -> BinaryIO:
        """The whole data, as they came or converted. Raises NotFound."""
        try:
            return (self.converted if converted else self.path)(image_id, stage_id).open('rb')
        except FileNotFoundError:
            raise NotFound(message='The staged data is gone. Stage it again.') from None

    def note(self, image_id: str, stage_id: str) -> dict[str, str]:
        """What was noted about an interrupted transfer; empty where nothing was."""
        try:
            found = json.loads(self._note(image_id, stage_id).read_text())
        except (FileNotFoundError, ValueError):  # a note that was cut off by a crash is none
            return {}
        return found if isinstance(found, dict) else {}

    def set_note(self, image_id: str, stage_id: str, **values: str) -> None:
        """Note something about a transfer."""
        with storage_errors():
            self._note(image_id, stage_id).write_text(json.dumps(values))

    def _note(self, image_id: str, stage_id: str) -> pathlib.Path:
        return self.directory / f'{image_id}.{stage_id}{_NOTE}'

    def remove(self, image_id: str, stage_id: str) -> None:
        """Forget all of a stage; absent files are fine."""
        for suffix in ('', _PART, _NOTE):
            (self.directory / f'{image_id}.{stage_id}{suffix}').unlink(missing_ok=True)
        self.remove_converted(image_id, stage_id)
        shutil.rmtree(self.directory / f'{image_id}.{stage_id}{_WORK}', ignore_errors=True)

    def remove_converted(self, image_id: str, stage_id: str) -> None:
        """Forget what was converted, or begun to be."""
        self.converted(image_id, stage_id).unlink(missing_ok=True)
        shutil.rmtree(self.directory / f'{image_id}.{stage_id}{_WORK}', ignore_errors=True)

    def stages(self) -> Iterator[tuple[str, str]]:
        """(image id, stage id) of all that lies here."""
        seen = set()
        for entry in os.scandir(self.directory):
            image_id, _, rest = entry.name.partition('.')
            seen.add((image_id, rest.partition('.')[0]))
        yield from sorted(seen)


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """What the file system says of the staging area, as Unavailable; with the code `storage_full` where it has no room."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = 'The staging area has no room; ask the operator for some.' if full else 'The staging area is not writable.'
        raise Unavailable(reason, code='storage_full' if full else None, admin_detail=str(error)) from error
