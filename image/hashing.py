"""The hashes of image data, computed while the data streams by."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable

ALGORITHM = 'sha512'
"""Of the hash that an image gets where nobody asks for another."""
ALGORITHMS = {'sha256': 64, 'sha384': 96, 'sha512': 128}
"""Those that a client may ask for, with the length of their digest in hexadecimal digits."""


class Digests:
    """MD5 and a secure hash of a stream, each on a thread of its own: hashlib lets go of the interpreter while it works."""

    def __init__(self, algorithm: str = ALGORITHM) -> None:
        # MD5 is what the API calls `checksum`; it protects against accidents only.
        self._hashes = {'checksum': hashlib.md5(usedforsecurity=False), 'os_hash_value': hashlib.new(algorithm)}
        self._queues: list[queue.Queue[bytes | None]] = []
        self._threads = []
        for digest in self._hashes.values():
            chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
            thread = threading.Thread(target=self._work, args=(digest.update, chunks), name='image-hash', daemon=True)
            self._queues.append(chunks)
            self._threads.append(thread)
            thread.start()

    @staticmethod
    def _work(update: Callable[[bytes], None], chunks: queue.Queue[bytes | None]) -> None:
        while (chunk := chunks.get()) is not None:
            update(chunk)

    def update(self, chunk: bytes) -> None:
        """Add a chunk; waits when a hash is four chunks behind, so memory stays bounded."""
        for chunks in self._queues:
            chunks.put(chunk)

    def close(self) -> dict[str, str]:
        """Wait for the rest and give the hex digests by column name."""
        for chunks in self._queues:
            chunks.put(None)
        for thread in self._threads:
            thread.join()
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}
