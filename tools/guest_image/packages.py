"""Debian packages fetched and unpacked, never installed."""

from __future__ import annotations

import pathlib
import re
import subprocess

# What the image is made of; libraries are found through these packages' dependencies.
KERNEL = 'linux-image-cloud-amd64'
WANTED = (
    'busybox-static', 'dropbear-bin', 'util-linux', 'e2fsprogs',
    'libc6', 'libcrypt1', 'libtomcrypt1', 'libtommath1', 'libgmp10', 'zlib1g', 'libcap-ng0', 'libext2fs2', 'libcom-err2', 'libblkid1', 'libuuid1',
    'libsmartcols1', 'libmount1', 'libudev1', 'libselinux1', 'libpcre2-8-0',
)  # fmt: skip
_KERNEL_NAME = re.compile(r'linux-image-[0-9][\w.+-]*-cloud-amd64')


class BuildError(Exception):
    """The image cannot be built; the message says why and what to do."""


def run(command: list[str], *, cwd: pathlib.Path | None = None, stdin: str | None = None, seconds: float = 300.0) -> str:
    """What a command writes. Raises BuildError with its last words when it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    except FileNotFoundError:
        raise BuildError(f'{command[0]} is not installed; run "tools/packages install guest"') from None
    except subprocess.TimeoutExpired:
        raise BuildError(f'{command[0]} did not end within {seconds:.0f} s') from None
    if done.returncode:
        raise BuildError(f'{" ".join(command[:3])} ... ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}')
    return done.stdout


def versions() -> dict[str, str]:
    """Name -> version of the packages that would be used, with the kernel's real package in place of the one that names it."""
    depends = run(['apt-cache', 'depends', KERNEL])
    found = _KERNEL_NAME.search(depends)
    if found is None:
        raise BuildError(f'the package {KERNEL} is not known here; run "apt-get update" and try again')
    text = run(['apt-cache', 'policy', found.group(), *WANTED])
    chosen = dict(re.findall(r'^(\S+?)(?::\w+)?:\n(?:.*\n)??\s+Candidate: (\S+)', text, re.MULTILINE))
    missing = [name for name in (found.group(), *WANTED) if chosen.get(name, '(none)') == '(none)']
    if missing:
        raise BuildError(f'the packages {", ".join(missing)} are not known here; run "apt-get update" and try again')
    return chosen


def fetch(chosen: dict[str, str], into: pathlib.Path) -> pathlib.Path:
    """Download the packages and unpack them into one tree; gives its path."""
    archives, tree = into / 'archives', into / 'tree'
    archives.mkdir()
    tree.mkdir()
    run(
        ['apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root', *(f'{name}={version}' for name, version in chosen.items())],
        cwd=archives,
    )
    for archive in sorted(archives.glob('*.deb')):
        run(['dpkg-deb', '-x', str(archive), str(tree)])
    return tree
