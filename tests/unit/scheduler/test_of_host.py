"""What administrators read about one host that refused."""

from __future__ import annotations

import pytest

from scheduler.explanation import of_host
from scheduler.filters import Refused


@pytest.mark.parametrize(
    ('refused', 'text'),
    [
        (Refused('ram', 512, 100), 'lacks memory (want 512 MiB, has 100)'),
        (Refused('vcpus', 4, 2), 'lacks vCPUs (want 4, has 2)'),
        (Refused('other_host', 'h1', 'h2'), 'not the host asked for (want h1, has h2)'),
        (Refused('down'), 'down'),
    ],
)
def test_a_refusal_is_a_phrase(refused: Refused, text: str) -> None:
    assert of_host(refused) == text
