"""The commands that Pileus may run as root. Nothing else is ever run with privileges; arguments are lists, no shell."""

from __future__ import annotations

import shutil

ALLOWED = frozenset(
    {
        # networks
        'arping', 'bridge', 'conntrack', 'dnsmasq', 'ebtables', 'ebtables-restore', 'ebtables-save', 'ip', 'ip6tables',
        'ip6tables-restore', 'ip6tables-save', 'ipset', 'iptables', 'iptables-restore', 'iptables-save', 'sysctl',
        # disks and volumes
        'genisoimage', 'iscsiadm', 'losetup', 'lvcreate', 'lvextend', 'lvremove', 'lvs', 'mke2fs', 'pvs', 'qemu-img', 'tgtadm', 'vgs',
        # the machine
        'modprobe', 'uptime',
    }
)  # fmt: skip
FOLDERS = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
"""Where they are looked for, whatever PATH says."""


def find(name: str) -> str | None:
    """The path of a command in the system's own folders; None where it is not installed."""
    return shutil.which(name, path=FOLDERS)
