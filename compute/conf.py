"""Options of the compute service."""

from __future__ import annotations

from common.config import group, option


@group('compute')
class ComputeOptions:
    """What an operator may set under `[compute]`."""

    driver: str = option('libvirt', help='Hypervisor driver: libvirt, simulated')
    availability_zone: str = option('nova', help='Availability zone of the hosts of this process')
    host_ip: str = option('', help='Address of this host that administrators are shown; empty: that of its default route')
    report_interval: int = option(10, min=1, help='Seconds between heartbeats of a worker')
    reconcile_interval: int = option(60, min=1, help='Seconds between passes that compare the hypervisor with the database')
    recover_guests: bool = option(
        True, help='Start guests again that were killed, crashed or lost with their host; those that were shut down stay off'
    )
    simulated_hosts: int = option(1, min=1, help='Hosts that one simulated worker plays')
    simulated_vcpus: int = option(16, min=1, help='vCPUs of a simulated host')
    simulated_memory_mib: int = option(65536, min=1, help='Memory of a simulated host in MiB')
    simulated_disk_gib: int = option(1024, min=1, help='Disk of a simulated host in GiB')
    simulated_state: str = option('', help='Directory where simulated hosts keep their state; empty: in memory')
    simulated_faults: str = option(
        '', help='JSON file with failures of simulated hosts that are to come; see compute/virt/simulated/faults.py'
    )
    image_cache_max_bytes: int = option(
        50 << 30,
        min=0,
        help='Bytes of images that a host keeps; the least recently used go first, those in use and of the last 20 minutes never; 0: no limit',
    )
    image_cache_max_idle: int = option(168, min=0, help='Hours after its last use that a host forgets an image; 0: no limit')
    worker_threads: int = option(8, min=1, help='Operations that a worker runs at a time')
    shutdown_timeout: int = option(60, min=0, help='Seconds a guest may take to shut down before it is powered off')
    detach_timeout: int = option(60, min=1, help='Seconds a guest may take to let go of a device')
    max_servers_per_request: int = option(100, min=1, help='Servers that one request may make')
    max_user_data: int = option(65535, min=0, help='Characters of user data, in base64')
    password_length: int = option(12, min=8, help='Length of generated administrator passwords')
    quota_instances: int = option(10, min=-1, help='Servers a project may have; -1: no limit')
    quota_cores: int = option(20, min=-1, help='vCPUs a project may have; -1: no limit')
    quota_ram: int = option(51200, min=-1, help='MiB of memory a project may have; -1: no limit')
    quota_key_pairs: int = option(100, min=-1, help='Key pairs a user may have; -1: no limit')
    quota_metadata_items: int = option(128, min=-1, help='Metadata items a server may have; -1: no limit')
    quota_server_groups: int = option(10, min=-1, help='Server groups a project may have; -1: no limit')
    quota_server_group_members: int = option(10, min=-1, help='Servers a group may have; -1: no limit')
