"""Service to service over the public REST APIs."""

from common.rest.client import RestClient
from common.rest.transport import HttpTransport, InProcessTransport, Transport

__all__ = ['HttpTransport', 'InProcessTransport', 'RestClient', 'Transport']
