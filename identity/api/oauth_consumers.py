"""OAuth consumers: programs that may ask users to let them act."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.fields import READ_ONLY, SOMETIMES, Field
from common.api.resource import DELETE, GET, PATCH, POST, Resource
from common.api.types import Str
from common.errors import InvalidInput
from identity import oauth1
from identity.api import access
from identity.api.views import paged, self_link, with_extra
from identity.db.oauth_models import Consumer

SEE = access.reader_rule('identity:consumers:show', 'See OAuth consumers')
CHANGE = access.admin_rule('identity:consumers:update', 'Make, change and delete OAuth consumers')
_KNOWN = ('description', 'secret')


def consumer_view(call: Call, consumer: Consumer) -> dict[str, Any]:
    """A consumer as the API shows it."""
    links = self_link(call, f'OS-OAUTH1/consumers/{consumer.id}')
    return {**consumer.extra, 'id': consumer.id, 'description': consumer.description, 'links': links}


def list_consumers(call: Call) -> Reply:
    """All consumers."""
    return paged(call, oauth1.list_consumers(call.service), lambda consumer: consumer_view(call, consumer))


def create_consumer(call: Call) -> dict[str, Any]:
    """Make a consumer; its secret is shown this once."""
    consumer, secret = oauth1.create_consumer(call.service, with_extra(call.body, _KNOWN))
    return {**consumer_view(call, consumer), 'secret': secret}


def show_consumer(call: Call) -> dict[str, Any]:
    """One consumer."""
    return consumer_view(call, oauth1.get_consumer(call.service, call.params['consumer_id']))


def update_consumer(call: Call) -> dict[str, Any]:
    """Change the description of a consumer."""
    if 'secret' in call.body:
        raise InvalidInput('Cannot change consumer secret.', field='secret')
    return consumer_view(call, oauth1.update_consumer(call.service, call.params['consumer_id'], with_extra(call.body, _KNOWN)))


def delete_consumer(call: Call) -> None:
    """Remove a consumer, and what it was allowed."""
    oauth1.delete_consumer(call.service, call.params['consumer_id'])


_ALL = '/v3/OS-OAUTH1/consumers'
_ONE = f'{_ALL}/{{consumer_id}}'

CONSUMERS = Resource(
    'consumers',
    'consumer',
    fields=[
        Field('id', Str(64), READ_ONLY),
        Field('description', Str(65535) | None),
        Field('secret', Str(255), READ_ONLY, SOMETIMES),
    ],
    routes=[
        GET(_ALL, list_consumers, policy=SEE),
        POST(_ALL, create_consumer, policy=CHANGE, ok=201),
        GET(_ONE, show_consumer, policy=SEE),
        PATCH(_ONE, update_consumer, policy=CHANGE),
        DELETE(_ONE, delete_consumer, policy=CHANGE),
    ],
)
