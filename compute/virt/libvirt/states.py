"""libvirt's states and figures in Pileus' words."""

from __future__ import annotations

from typing import Any

import libvirt

from compute.virt import base

# A guest that has a QEMU process; a paused one counts.
ALIVE = frozenset({base.RUNNING, base.PAUSED})

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: base.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: base.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: base.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: base.RUNNING,  # about to go off: its process still lives
    libvirt.VIR_DOMAIN_SHUTOFF: base.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: base.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: base.RUNNING,
}
# Why a guest is off that nobody shut down: its process died, libvirtd came back and found none, or the host was off.
_LOST = frozenset({libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_DAEMON, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN})


def power_state(state: int, reason: int) -> int:
    """The power state as the API numbers it."""
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason == libvirt.VIR_DOMAIN_SHUTOFF_SAVED:
        return base.SUSPENDED
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason in _LOST:
        return base.CRASHED
    return _STATES.get(state, base.NOSTATE)


def diagnostics(facts: dict[str, Any]) -> dict[str, Any]:
    """Figures of a guest from libvirt's flat names."""
    vcpus = int(facts.get('vcpu.current', 0))
    cards = range(int(facts.get('net.count', 0)))
    disks = range(int(facts.get('block.count', 0)))
    return {
        'memory_mib': int(facts.get('balloon.current', 0)) // 1024,
        'memory_used_mib': (int(facts.get('balloon.available', 0)) - int(facts.get('balloon.unused', 0))) // 1024,
        'vcpus': vcpus,
        'cpu_time_ns': [int(facts.get(f'vcpu.{number}.time', 0)) for number in range(vcpus)],
        'nics': len(cards),
        'nic_details': [
            {name: int(facts.get(f'net.{card}.{way}.{what}', 0)) for name, way, what in _CARD_FIGURES}
            | {'name': facts.get(f'net.{card}.name')}
            for card in cards
        ],
        'disk_details': [
            {name: int(facts.get(f'block.{disk}.{what}', 0)) for name, what in _DISK_FIGURES} | {'name': facts.get(f'block.{disk}.name')}
            for disk in disks
        ],
    }


_CARD_FIGURES = tuple(
    (f'{way}_{what}', way, key)
    for way in ('rx', 'tx')
    for what, key in (('octets', 'bytes'), ('packets', 'pkts'), ('errors', 'errs'), ('drop', 'drop'))
)
_DISK_FIGURES = (('read_bytes', 'rd.bytes'), ('read_requests', 'rd.reqs'), ('write_bytes', 'wr.bytes'), ('write_requests', 'wr.reqs'))
