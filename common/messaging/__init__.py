"""Messages between services: typed contracts over any broker that kombu can drive."""

from common.messaging.broker import Broker
from common.messaging.contract import Contract, call, cast, fanout

__all__ = ['Broker', 'Contract', 'call', 'cast', 'fanout']
