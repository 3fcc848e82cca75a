"""The configuration of domains."""

from __future__ import annotations

from typing import Any

from common.api.call import Call, Reply
from common.api.resource import DELETE, GET, HEAD, PATCH, PUT, Resource, Route
from common.api.types import Any_
from identity import domain_config
from identity.api import access

SEE = access.reader_rule('identity:domain_config:show', 'See the configuration of a domain')
SEE_DEFAULT = access.reader_rule('identity:domain_config:defaults', 'See the options that a domain may set')
CHANGE = access.admin_rule('identity:domain_config:update', 'Set the configuration of a domain')


def _where(call: Call) -> tuple[str | None, str | None]:
    return call.params.get('group'), call.params.get('option')


def show_config(call: Call) -> dict[str, Any]:
    """What the domain has set, without what is sensitive."""
    return domain_config.show(call.service, call.params['domain_id'], *_where(call))


def check_config(call: Call) -> None:
    """Whether the domain has set it."""
    domain_config.show(call.service, call.params['domain_id'], *_where(call))


def show_defaults(call: Call) -> dict[str, Any]:
    """What holds where a domain has set nothing."""
    return domain_config.defaults(*_where(call))


def replace_config(call: Call) -> Reply:
    """Give the domain exactly this configuration."""
    shown, fresh = domain_config.replace(call.service, call.params['domain_id'], call.body)
    return Reply(shown, 201 if fresh else 200)


def update_config(call: Call) -> dict[str, Any]:
    """Change options of the domain."""
    return domain_config.update(call.service, call.params['domain_id'], call.body, *_where(call))


def delete_config(call: Call) -> None:
    """Forget what the domain has set."""
    domain_config.remove(call.service, call.params['domain_id'], *_where(call))


def _routes(rest: str) -> list[Route]:
    path = f'/v3/domains/{{domain_id}}/config{rest}'
    return [
        GET(path, show_config, policy=SEE, listing=False),
        HEAD(path, check_config, policy=SEE, body=None),
        PATCH(path, update_config, policy=CHANGE, body=Any_),
        DELETE(path, delete_config, policy=CHANGE),
    ]


DOMAIN_CONFIG = Resource(
    'config',
    'config',
    routes=[
        GET('/v3/domains/config/default', show_defaults, policy=SEE_DEFAULT, listing=False),
        GET('/v3/domains/config/{group}/default', show_defaults, policy=SEE_DEFAULT, listing=False),
        GET('/v3/domains/config/{group}/{option}/default', show_defaults, policy=SEE_DEFAULT, listing=False),
        PUT('/v3/domains/{domain_id}/config', replace_config, policy=CHANGE, body=Any_, ok=201),
        *(route for rest in ('', '/{group}', '/{group}/{option}') for route in _routes(rest)),
    ],
)
