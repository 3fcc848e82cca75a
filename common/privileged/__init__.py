"""The only door to commands that run as root."""

from common.privileged.run import CommandFailed, CommandMissing, Completed, run

__all__ = ['CommandFailed', 'CommandMissing', 'Completed', 'run']
