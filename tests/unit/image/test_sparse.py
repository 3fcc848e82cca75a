"""Files with holes have every byte of the data, whatever pieces they came in, and take less room."""

from __future__ import annotations

import os
import pathlib
import random

import pytest

from image.drivers.sparse import SparseFile

KIB = 1 << 10


def written(path: pathlib.Path, data: bytes, piece: int) -> os.stat_result:
    with path.open('wb') as file:
        sparse = SparseFile(file.fileno())
        for first in range(0, len(data), piece):
            sparse.write(data[first : first + piece])
        sparse.end()
        os.fsync(file.fileno())
    return path.stat()


@pytest.mark.parametrize('piece', [1, 4095, 4096, 65536, 65537, 1 << 20])
@pytest.mark.parametrize(
    'parts',
    [[], [1], [0], [1, 0], [0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]],
    ids=lambda parts: ''.join('.x'[part] for part in parts) or 'empty',
)
def test_every_byte_is_there(tmp_path: pathlib.Path, parts: list[int], piece: int) -> None:
    chooser = random.Random(7)
    size = 3000 if piece == 1 else 200_001
    data = b''.join(bytes(size) if not part else bytes(chooser.choices((0, 0, 1, 255), k=size)) for part in parts)
    assert written(tmp_path / 'file', data, piece).st_size == len(data)
    assert (tmp_path / 'file').read_bytes() == data


@pytest.mark.parametrize('at', [0, 1, 32767, 32768, 65534, 65535])
def test_a_single_byte_among_zeros_is_seen(tmp_path: pathlib.Path, at: int) -> None:
    data = bytearray(3 * 65536)
    data[65536 + at] = 1
    written(tmp_path / 'file', bytes(data), 1 << 20)
    assert (tmp_path / 'file').read_bytes() == data


def test_zeros_take_no_room(tmp_path: pathlib.Path) -> None:
    found = written(tmp_path / 'file', b'x' * 64 * KIB + bytes(8 << 20) + b'y' * 64 * KIB, 1 << 20)
    assert found.st_blocks * 512 <= 1 << 20
