"""What may be asked of the scheduler over AMQP.

A claim request is a dict (see `scheduler/request.py`); amounts are vCPUs, MiB of memory and GiB of disk:

    {'kind': 'server', 'vcpus': 1, 'ram': 512, 'disk': 1, 'project': ..., 'zone': None, 'force_host': None, 'exclude': ['h3'],
     'image': {'hw_architecture': 'x86_64', 'img_hv_type': 'kvm', ...}, 'extra_specs': {...},
     'different_host': [consumers], 'same_host': [consumers], 'group': {'id': ..., 'policy': 'anti-affinity', 'max_per_host': 1}}

Members of a group are those that made a claim with the group's id; `members` may list more consumers.
"""

from __future__ import annotations

from common.messaging import Contract, call, cast


class Scheduler(Contract, topic='scheduler'):
    """The scheduler. `kind` is 'server' or 'volume'; hosts of the two kinds are apart even where they share a name."""

    @call(deadline=20)
    def claim(self, consumer: str, request: dict) -> dict:
        """Choose a host and take its room, in one: `{'host', 'zone', 'claim', 'explanation'}`. Asked again for a consumer that holds a claim,
        the answer is the same. Raises NoValidHost with the explanation as the message (<= 255 characters) and `details`."""

    @call(deadline=20)
    def dry_run(self, request: dict) -> dict:
        """What `claim` would answer now, with nothing taken."""

    @call(deadline=20)
    def release(self, consumer: str, role: str = 'main') -> None:
        """Give the room of a consumer back. Nothing happens if it holds none."""

    @call(deadline=20)
    def move(self, consumer: str, request: dict) -> dict:
        """Claim room for a consumer a second time, in the role 'incoming', beside the one it has; `settle` ends it."""

    @call(deadline=20)
    def settle(self, consumer: str, keep: str) -> None:
        """End a move: keep the claim of the role 'incoming' (it becomes 'main') or 'main', and give the other back."""

    @call(deadline=10)
    def explain(self, consumer: str) -> dict:
        """The decisions made for a consumer, newest first: `{'decisions': [...]}`."""

    @call(deadline=10)
    def report(self, hosts: list) -> None:
        """Heartbeats with inventories, many hosts in one message: name, kind, vcpus, ram, disk (totals) and, where they differ from the
        default, zone, hypervisor, architecture, traits, reserved_vcpus, reserved_ram, reserved_disk, ratio_vcpus, ratio_ram, ratio_disk."""

    @cast
    def beat(self, kind: str, names: list) -> None:
        """These hosts live and are as last reported."""

    @call(deadline=10)
    def hosts(self, kind: str | None = None) -> list:
        """All hosts with room, use, zone, state."""

    @call(deadline=10)
    def zones(self, kind: str) -> dict:
        """Availability zones of a kind: `{name: {'hosts': number, 'available': whether one of them is up and enabled}}`."""

    @call(deadline=10)
    def set_host(self, kind: str, name: str, values: dict) -> None:
        """Change what an operator decides: enabled, disabled_reason, zone, aggregates (`{name: metadata}`), ratio_vcpus, ratio_ram,
        ratio_disk. Raises NotFound for a host that never reported."""

    @call(deadline=10)
    def remove_host(self, kind: str, name: str) -> None:
        """Forget a host. Raises Conflict while anything is claimed on it."""
