"""The only door to commands that run as root."""

from common.privileged.run import CommandFailed, Completed, run

__all__ = ['CommandFailed', 'Completed', 'run']
