"""The ports that tests choose: no two processes choose the same."""

from __future__ import annotations

import os

from tests.ports import free_offset, free_ports


def test_a_child_chooses_others_than_its_parent() -> None:
    mine = set(free_ports(50))
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(into, ' '.join(map(str, free_ports(50))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = set(map(int, os.read(out, 4096).split()))
    os.close(out)
    os.close(into)
    assert len(mine) == len(theirs) == 50 and not mine & theirs


def test_more_than_a_block() -> None:
    assert len(set(free_ports(400))) == 400


def test_an_offset_leads_to_ports_that_no_other_process_chooses() -> None:
    standard = (5000, 8774, 9696)
    found = [free_offset(standard) for _ in range(3)]
    blocks = {(port + offset - 10240) // 256 for offset in found for port in standard}
    assert len(blocks) >= 9 - 3 and all(10240 <= port + offset < 32768 for offset in found for port in standard)
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(into, ' '.join(map(str, {(port - 10240) // 256 for port in free_ports(300)})).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = set(map(int, os.read(out, 4096).split()))
    os.close(out)
    os.close(into)
    assert theirs and not blocks & theirs
