"""The commands that Pileus may run as root. Nothing else is ever run with privileges; arguments are lists, no shell."""

from __future__ import annotations

ALLOWED = frozenset(
    {
        'arping', 'bridge', 'conntrack', 'dnsmasq', 'ebtables', 'ebtables-restore', 'ebtables-save', 'genisoimage', 'ip', 'ip6tables', 'ip6tables-restore', 'ip6tables-save',
        'ipset', 'iptables', 'iptables-restore', 'iptables-save', 'iscsiadm', 'losetup', 'lvcreate', 'lvextend', 'lvremove', 'lvs', 'mke2fs',
        'modprobe', 'pvs', 'qemu-img', 'sysctl', 'tgtadm', 'vgs',
    }
)  # fmt: skip
