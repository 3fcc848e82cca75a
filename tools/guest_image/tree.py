"""The two file trees of the guest: the initramfs that finds the disk, and the root filesystem."""

from __future__ import annotations

import lzma
import pathlib
import re
import shutil

from tools.guest_image.cpio import Archive
from tools.guest_image.packages import BuildError, run

FILES = pathlib.Path(__file__).with_name('files')
# In the order in which they are inserted; what the kernel has built in is left out. The first are needed to reach the disk.
EARLY_MODULES = ('virtio_ring', 'virtio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci', 'virtio_blk', 'ext4')
LATE_MODULES = (
    'virtio_net', 'virtio_rng', 'virtio_balloon', 'virtio_scsi', 'sr_mod', 'sd_mod', 'isofs', 'nls_cp437', 'nls_iso8859-1', 'nls_ascii', 'vfat', 'button', 'evdev',
)  # fmt: skip
_PROGRAMS = {
    'usr/sbin/dropbear': 'usr/sbin/dropbear', 'usr/bin/dropbearkey': 'usr/bin/dropbearkey', 'sbin/resize2fs': 'sbin/resize2fs',
    'sbin/mke2fs': 'sbin/mkfs.ext4', 'usr/bin/setpriv': 'usr/lib/pileus/setpriv', 'bin/lsblk': 'bin/lsblk', 'sbin/blkid': 'sbin/blkid',
}  # fmt: skip
_DEPENDS = re.compile(rb'\0depends=([^\0]*)\0')
# As users of small test images know it.
_PASSWORD = 'gocubsgo'


class Modules:
    """The kernel modules of an unpacked kernel package."""

    def __init__(self, tree: pathlib.Path) -> None:
        self.top = next((tree / 'lib/modules').iterdir())
        self._paths = {path.name.split('.ko')[0].replace('-', '_'): path for path in self.top.rglob('*.ko*')}
        builtin = (self.top / 'modules.builtin').read_text().split()
        self._builtin = {pathlib.PurePath(line).name.removesuffix('.ko').replace('-', '_') for line in builtin}

    def read(self, name: str) -> bytes:
        """The module itself, unpacked."""
        path = self._paths[name]
        return lzma.decompress(path.read_bytes()) if path.suffix == '.xz' else path.read_bytes()

    def closure(self, names: tuple[str, ...], without: tuple[str, ...] = ()) -> tuple[str, ...]:
        """These modules and what they need, dependencies first. Raises BuildError for an unknown one."""
        found: list[str] = []

        def visit(name: str) -> None:
            if name in found or name in without or name in self._builtin:
                return
            if name not in self._paths:
                raise BuildError(f'the kernel package has no module {name}')
            match = _DEPENDS.search(self.read(name))
            for needed in match.group(1).decode().split(',') if match else []:
                if needed:
                    visit(needed.replace('-', '_'))
            found.append(name)

        for name in names:
            visit(name.replace('-', '_'))
        return tuple(found)

    def write(self, names: tuple[str, ...], into: pathlib.Path) -> None:
        """Put them into a folder, with the file `order` that lists them."""
        into.mkdir(parents=True)
        for name in names:
            (into / f'{name}.ko').write_bytes(self.read(name))
        (into / 'order').write_text('\n'.join(names) + '\n')


def initramfs(tree: pathlib.Path, modules: Modules, work: pathlib.Path) -> bytes:
    """The archive that the kernel starts with, not compressed: it is small, and the disk is."""
    top = work / 'initramfs'
    shutil.copytree(FILES / 'initramfs', top)
    for name in ('bin', 'proc', 'sys', 'dev', 'root'):
        (top / name).mkdir()
    shutil.copy(tree / 'bin/busybox', top / 'bin/busybox')
    (top / 'bin/sh').symlink_to('busybox')
    modules.write(modules.closure(EARLY_MODULES), top / 'modules')
    _set_modes(top)
    archive = Archive()
    archive.add_tree(top)
    archive.add('dev/console', 0o020600, device=(5, 1))
    archive.add('dev/null', 0o020666, device=(1, 3))
    return archive.bytes()


def root(tree: pathlib.Path, modules: Modules, work: pathlib.Path, version: str) -> pathlib.Path:
    """The folder that becomes the root filesystem."""
    top = work / 'root'
    shutil.copytree(FILES / 'root', top)
    for name in (
        'bin',
        'dev',
        'etc/dropbear',
        'home/cirros',
        'lib',
        'lib64',
        'mnt',
        'opt',
        'proc',
        'root',
        'run',
        'sys',
        'tmp',
        'usr/sbin',
        'var/lib/pileus',
        'var/log',
    ):
        (top / name).mkdir(parents=True, exist_ok=True)
    (top / 'var/run').symlink_to('/run')
    (top / 'etc/resolv.conf').symlink_to('/run/resolv.conf')
    (top / 'etc/mtab').symlink_to('/proc/mounts')
    _busybox(tree, top)
    for source, target in _PROGRAMS.items():
        shutil.copy(tree / source, top / target)
    _libraries(tree, top, [top / target for target in _PROGRAMS.values()])
    modules.write(modules.closure(LATE_MODULES, without=modules.closure(EARLY_MODULES)), top / 'lib/modules')
    _accounts(top, tree / 'bin/busybox', version)
    _set_modes(top)
    return top


def _busybox(tree: pathlib.Path, top: pathlib.Path) -> None:
    shutil.copy(tree / 'bin/busybox', top / 'bin/busybox')
    for line in run([str(tree / 'bin/busybox'), '--list-full']).split():
        path = top / line
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() and path.name not in ('busybox', 'rpm', 'dpkg', 'dpkg-deb'):
            path.symlink_to('/bin/busybox')


def _libraries(tree: pathlib.Path, top: pathlib.Path, programs: list[pathlib.Path]) -> None:
    """The shared libraries of these programs, found by the packages' own loader."""
    places = [tree / 'lib/x86_64-linux-gnu', tree / 'usr/lib/x86_64-linux-gnu']
    loader = (tree / 'lib64/ld-linux-x86-64.so.2').resolve()
    if not loader.is_relative_to(tree):  # an absolute link leads out of the tree
        loader = places[0] / 'ld-linux-x86-64.so.2'
    target = top / 'lib/x86_64-linux-gnu'
    target.mkdir(parents=True)
    shutil.copy(loader, top / 'lib64/ld-linux-x86-64.so.2')
    search = ':'.join(map(str, places))
    for program in programs:
        for line in run([str(loader), '--library-path', search, '--list', str(program)]).splitlines():
            name, _, path = line.strip().partition(' => ')
            if 'not found' in line:
                raise BuildError(f'{program.name} needs {name}, which is in none of the packages')
            if path and not (target / name).exists():
                shutil.copy(path.rsplit(' (', 1)[0], target / name)


def _accounts(top: pathlib.Path, busybox: pathlib.Path, version: str) -> None:
    hashed = run([str(busybox), 'mkpasswd', '-m', 'sha512', '-S', 'pileusguest', _PASSWORD]).strip()
    etc = top / 'etc'
    (etc / 'passwd').write_text(
        'root:x:0:0:root:/root:/bin/sh\ncirros:x:1000:1000:cirros:/home/cirros:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'
    )
    (etc / 'group').write_text('root:x:0:\ntty:x:5:\nwheel:x:10:cirros\ncirros:x:1000:\nnogroup:x:65534:\n')
    (etc / 'shadow').write_text(f'root:*:19000:0:99999:7:::\ncirros:{hashed}:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n')
    (etc / 'hostname').write_text('cirros\n')
    (etc / 'hosts').write_text('127.0.0.1 localhost\n::1 localhost\n')
    (etc / 'shells').write_text('/bin/sh\n')
    (etc / 'nsswitch.conf').write_text('passwd: files\ngroup: files\nhosts: files dns\n')
    (etc / 'profile').write_text('export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n[ "$(id -u)" = 0 ] && PS1="# " || PS1="$ "\n')
    (etc / 'issue').write_text(f'\ncirros-pileus {version}: user "cirros", password "{_PASSWORD}", "sudo" for root\n')
    (etc / 'os-release').write_text(
        f'NAME="cirros-pileus"\nID=cirros-pileus\nVERSION_ID="{version}"\nPRETTY_NAME="cirros-pileus {version}"\n'
    )


def _set_modes(top: pathlib.Path) -> None:
    """The same modes whatever the umask of the builder is."""
    for path in top.rglob('*'):
        if path.is_symlink():
            continue
        binary = path.is_dir() or path.read_bytes()[:2] == b'#!' or path.read_bytes()[:4] == b'\x7fELF'
        path.chmod(0o755 if binary else 0o644)
