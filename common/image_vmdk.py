"""What the description inside a VMDK may say.

A VMDK that holds its own data (monolithicSparse, streamOptimized) begins with a header and, behind it, a description in words. QEMU
believes some of these words: it opens the parent that they name, and where the header tells of no data, the files that they list, which
may be those of other people beside it. oslo.utils reads the words with other eyes than QEMU does (without regard to case, and no further
than the header says), so here everything is refused that could be read two ways. Nothing that is made by QEMU or VMware is.
"""

from __future__ import annotations

import re
import struct

# Magic, version, flags, sectors of the disk, of a grain, where the description begins, and its sectors.
_HEADER = struct.Struct('<4sIIQQQQ')
_DESCRIPTION = 512
_KIND = re.compile(r'createType\s*=\s*"(?:monolithicSparse|streamOptimized)"\Z')
_NO_PARENT = re.compile(r'parentCID\s*=\s*ffffffff\Z', re.IGNORECASE)
_EXTENT = re.compile(r'(?:RW|RDONLY)[ \t]+[0-9]+[ \t]+SPARSE[ \t]+"[^"/\\]+"\Z')
_ONCE = {'createtype': _KIND, 'parentcid': _NO_PARENT}


def why_unsafe(head: bytes) -> str | None:
    """What speaks against a VMDK, given its first 64 KiB; None when nothing does."""
    if len(head) < _DESCRIPTION or not head.startswith(b'KDMV'):
        return 'its header is missing'
    _, _, _, sectors, _, begins, _ = _HEADER.unpack_from(head)
    if not sectors:
        return 'its header tells of a disk without data'
    if begins * 512 != _DESCRIPTION:
        return 'its description is not behind its header'
    words, end, _ = head[_DESCRIPTION:].partition(b'\0')
    if not end:
        return 'its description has no end'
    try:
        return _judge(words.decode('ascii'))
    except UnicodeDecodeError:
        return 'its description is no plain text'


def _judge(text: str) -> str | None:
    low = text.lower()
    if 'parentfilenamehint' in low:
        return 'it names another file as its parent'
    lines = [line.strip() for line in text.split('\n')]
    for word, form in _ONCE.items():
        found = [line for line in lines if word in line.lower()]
        if low.count(word) != 1 or form.match(found[0]) is None:
            return f'its description has not exactly one {word} that is known'
    extents = [line for line in lines if line.lower().startswith(('rw', 'rdonly', 'noaccess'))]
    if len(extents) != 1 or _EXTENT.match(extents[0]) is None:
        return 'it lists other files than itself'
    return None
