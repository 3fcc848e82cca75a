"""What the agent needs of a host, and what to type where it is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Command -> the Debian package that brings it.
COMMANDS = {
    'ip': 'iproute2',
    'bridge': 'iproute2',
    'iptables-save': 'iptables',
    'iptables-restore': 'iptables',
    'ip6tables-save': 'iptables',
    'ip6tables-restore': 'iptables',
    'ebtables-save': 'iptables',
    'ebtables-restore': 'iptables',
    'ipset': 'ipset',
    'conntrack': 'conntrack',
    'dnsmasq': 'dnsmasq-base',
}
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def check() -> list[str]:
    """What is missing, each finding with what to do about it; nothing when the agent can work."""
    findings = []
    missing = sorted(name for name in COMMANDS if shutil.which(name, path=PATH) is None)
    if missing:
        packages = ' '.join(sorted({COMMANDS[name] for name in missing}))
        findings.append(f'The network agent needs {", ".join(missing)}. Type: apt-get install --no-install-recommends {packages}')
    if os.geteuid() != 0:
        findings.append('The network agent must run as root. Start it with sudo, or as a system service.')
    elif not Path('/dev/net/tun').exists():
        findings.append('The kernel offers no tap devices. Type: modprobe tun')
    if not missing and not Path('/proc/sys/net/bridge/bridge-nf-call-iptables').exists():
        findings.append('The kernel does not filter bridged packets. Type: modprobe br_netfilter')
    return findings
