"""Command line: build the image, unless the file was built from the same packages and the same sources."""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import sys
import tempfile
import time

from tools.guest_image import disk, tree
from tools.guest_image.packages import KERNEL, BuildError, fetch, versions


def _sources() -> str:
    """A hash of this package: another one means another image."""
    digest = hashlib.sha256()
    here = pathlib.Path(__file__).parent
    for path in sorted(here.rglob('*')):
        if path.is_file() and '__pycache__' not in path.parts:
            digest.update(str(path.relative_to(here)).encode() + b'\0' + path.read_bytes() + b'\0')
    return digest.hexdigest()


def build(output: pathlib.Path, chosen: dict[str, str]) -> None:
    """Make the image from these packages. Raises BuildError."""
    with tempfile.TemporaryDirectory(prefix='pileus-guest-') as name:
        work = pathlib.Path(name)
        unpacked = fetch(chosen, work)
        modules = tree.Modules(unpacked)
        kernel = next((unpacked / 'boot').glob('vmlinuz-*'))
        initrd = tree.initramfs(unpacked, modules, work)
        root = tree.root(unpacked, modules, work, kernel.name.removeprefix('vmlinuz-'))
        raw = disk.assemble(disk.boot_partition(kernel, initrd, work), disk.root_partition(root, work), work)
        output.parent.mkdir(parents=True, exist_ok=True)
        disk.to_qcow2(raw, output)


def main() -> int:
    """0 when the image is there, 1 with a message when it cannot be built."""
    parser = argparse.ArgumentParser(
        prog='python -m tools.guest_image', description=f'Build the guest image from {KERNEL}, busybox and dropbear.'
    )
    parser.add_argument('--output', type=pathlib.Path, required=True, help='the qcow2 file to write')
    parser.add_argument('--force', action='store_true', help='build it even if it is up to date')
    options = parser.parse_args()
    began = time.monotonic()
    try:
        chosen = versions()
        recipe = {'packages': chosen, 'sources': _sources()}
        book = options.output.with_name(options.output.name + '.json')
        if not options.force and options.output.exists() and book.exists() and json.loads(book.read_text()) == recipe:
            print(f'{options.output} is up to date')
            return 0
        build(options.output, chosen)
        book.write_text(json.dumps(recipe, indent=1) + '\n')
    except BuildError as error:
        print(f'guest image: {error}', file=sys.stderr)
        return 1
    print(f'{options.output}: {options.output.stat().st_size / 2**20:.1f} MiB, built in {time.monotonic() - began:.1f} s')
    return 0


if __name__ == '__main__':
    sys.exit(main())
