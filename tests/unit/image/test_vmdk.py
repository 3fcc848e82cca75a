"""VMDKs whose words would make QEMU open another file are refused; those that QEMU and VMware write are taken."""

from __future__ import annotations

import pathlib
import shutil
import struct
import subprocess

import pytest

from common.errors import InvalidInput
from common.image_format import Inspection

needs_qemu = pytest.mark.skipif(not shutil.which('qemu-img'), reason='qemu-img is not installed')
VICTIM = '11111111-2222-4333-8444-555555555555.raw'
WORDS = '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicSparse"\n\n# Extent description\n'
OWN = 'RW 2048 SPARSE "own.vmdk"\n'
FLAT = f'RW 2048 FLAT "{VICTIM}" 0\n'


def vmdk(words: str, *, sectors: int = 2048, begins: int = 1, length: int = 20, at: int = 512) -> bytes:
    """A VMDK without data that is described so."""
    header = struct.pack('<4sIIQQQQIQQQ', b'KDMV', 1, 3, sectors, 128, begins, length, 512, 21, 26, 128)
    made = bytearray(65536)
    made[: len(header)] = header
    made[at : at + len(words)] = words.encode()
    return bytes(made)


def judged(data: bytes, chunk: int = 1 << 20) -> int | None:
    inspection = Inspection('vmdk')
    for _ in inspection.watch(iter([data[first : first + chunk] for first in range(0, len(data), chunk)])):
        pass
    inspection.verdict()
    return inspection.virtual_size


HOSTILE = {
    'the parent is a file of the host': vmdk(WORDS + OWN + 'parentFileNameHint="/srv/images/of-another.vmdk"\n'),
    'the parent, in a comment': vmdk(WORDS + OWN + '#parentFileNameHint="/srv/images/of-another.vmdk"\n'),
    'the parent, behind what the header says': vmdk((WORDS + OWN).ljust(1024, '#') + '\nparentFileNameHint="x.vmdk"\n', length=2),
    'a parent of another kind': vmdk(WORDS.replace('ffffffff', '12345678') + OWN),
    'no data, and a file beside it': vmdk(
        WORDS.replace('createType', '#CREATETYPE') + 'createType="monolithicFlat"\n' + FLAT, sectors=0
    ),  # oslo.utils sees the first, QEMU the second
    'a file beside it': vmdk(WORDS.replace('createType', '#CREATETYPE') + 'createType="monolithicFlat"\n' + FLAT),
    'no data': vmdk(WORDS + OWN, sectors=0),
    'two extents': vmdk(WORDS + OWN + OWN),
    'a flat extent': vmdk(WORDS + FLAT),
    'two kinds': vmdk(WORDS + 'createType="streamOptimized"\n' + OWN),
    'no end': vmdk((WORDS + OWN).ljust(65024, '\n')),
    'elsewhere': vmdk(WORDS + OWN, begins=8, at=4096),
}  # fmt: skip


@pytest.mark.parametrize('name', HOSTILE)
@pytest.mark.parametrize('chunk', [1, 100, 1 << 20])
def test_words_that_lead_elsewhere(name: str, chunk: int) -> None:
    with pytest.raises(InvalidInput):
        judged(HOSTILE[name][: 65536 if chunk > 1 else 4096] if name != 'no end' else HOSTILE[name], chunk)


def test_an_honest_one() -> None:
    assert judged(vmdk(WORDS + OWN)) == 1 << 20
    vmware = WORDS.replace('createType="monolithicSparse"', 'encoding="windows-1252"\r\ncreateType="streamOptimized"')
    assert (
        judged(vmdk(vmware.replace('\n', '\r\n') + 'RDONLY 2048 SPARSE "generated-stream.vmdk"\r\nddb.adapterType = "lsilogic"\r\n'))
        == 1 << 20
    )


@needs_qemu
@pytest.mark.parametrize('name', ['no data, and a file beside it', 'the parent is a file of the host'])
def test_qemu_would_really_go_there(tmp_path: pathlib.Path, name: str) -> None:
    """Why this matters: were QEMU no longer to believe these words, the rules could go."""
    (tmp_path / VICTIM).write_bytes(b'secret' * 200_000)
    (tmp_path / 'hostile.vmdk').write_bytes(HOSTILE[name])
    told = subprocess.run(['qemu-img', 'info', '-f', 'vmdk', tmp_path / 'hostile.vmdk'], capture_output=True, text=True, check=True).stdout
    assert 'create type: monolithicFlat' in told or 'backing file: /srv/images/of-another.vmdk' in told


@needs_qemu
@pytest.mark.parametrize('kind', ['monolithicSparse', 'streamOptimized'])
@pytest.mark.parametrize('size', ['1M', '3G'])
def test_what_qemu_makes(tmp_path: pathlib.Path, kind: str, size: str) -> None:
    source, made = tmp_path / 'raw', tmp_path / 'made.vmdk'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'raw', source, size], check=True)
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', f'subformat={kind}', source, made], check=True)
    assert judged(made.read_bytes()) == {'1M': 1 << 20, '3G': 3 << 30}[size]
