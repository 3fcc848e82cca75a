"""What an image asks of the machine below it."""

from __future__ import annotations

from scheduler.filters.verdict import FIT, Refused, Verdict
from scheduler.host import Host
from scheduler.request import Request

_SAME = {'amd64': 'x86_64', 'i386': 'i686', 'arm64': 'aarch64'}


def image_matches(host: Host, request: Request) -> Verdict:
    """Architecture and kind of hypervisor, where the image names them and the host reports them."""
    image = request.image
    wanted = image.get('hw_architecture') or image.get('architecture')
    if wanted and host.architecture:
        wanted = str(wanted).lower()
        if _SAME.get(wanted, wanted) != host.architecture:
            return Refused('architecture', wanted, host.architecture)
    wanted = image.get('img_hv_type') or image.get('hypervisor_type')
    if wanted and host.hypervisor and str(wanted).lower() != host.hypervisor:
        return Refused('hypervisor', str(wanted).lower(), host.hypervisor)
    return FIT
