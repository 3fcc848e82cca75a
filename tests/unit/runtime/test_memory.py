"""Memory that a parent shares with its children: no holes that they would fill."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
# A parent with holes in its heap forks; the child makes many small objects. How many KiB of the parent's pages did it copy?
PROGRAM = """
import gc, os, pathlib, re, sys
from common.service import memory
blocks = [bytes(100 + number % 380) for number in range(120_000)]
big = [bytearray(600 + number % 3000) for number in range(6_000)]
gc.collect()
for number in range(0, len(blocks), 2):
    blocks[number] = None
for number in range(0, len(big), 2):
    big[number] = None
if sys.argv[1] == 'filled':
    memory.fill_holes()
gc.freeze()
def shared():
    text = pathlib.Path('/proc/self/smaps_rollup').read_text()
    return int(re.search(r'^Shared_Dirty: +([0-9]+)', text, re.M)[1])
if os.fork() == 0:
    before = shared()
    made = [bytes(100 + number % 380) for number in range(40_000)]
    more = [bytearray(600 + number % 3000) for number in range(2_000)]
    print(before - shared(), flush=True)
    os._exit(0)
os.wait()
"""


def copied(how: str) -> int:
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, how], cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr  # the table of the allocator is read, not printed
    return int(done.stdout)


def test_a_child_copies_few_pages_where_its_parent_left_no_holes():
    assert copied('filled') * 4 < copied('holes')
