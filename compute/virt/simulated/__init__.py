"""A hypervisor without guests that keeps honest state, with failures and delays on demand."""

from compute.virt.simulated.driver import SimulatedDriver
from compute.virt.simulated.faults import FaultTable
from compute.virt.simulated.images import ImageChecks

__all__ = ['FaultTable', 'ImageChecks', 'SimulatedDriver']
