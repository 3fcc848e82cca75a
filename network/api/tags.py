"""Tags, of every resource that has any."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from common.api import DELETE, GET, POST, PUT, Call, List, Obj, Reply, Resource, Route, Str
from common.api.answers import answer
from network import floating_ips, networks, ports, routers, security_groups, subnet_pools, subnets, tags
from network.db.models import FLOATING_IPS, GROUPS, NETWORKS, PORTS, ROUTERS, SUBNET_POOLS, SUBNETS

if TYPE_CHECKING:
    from network.work import Work

Kind = tuple[str, Any, Any, Any]
# Collection in paths, module with the names of its rules, how a row is found, its table.
KINDS: list[Kind] = [
    ('networks', networks, networks.find, NETWORKS),
    ('subnets', subnets, subnets.find, SUBNETS),
    ('ports', ports, ports.find_row, PORTS),
    ('routers', routers, routers.find_row, ROUTERS),
    ('floatingips', floating_ips, floating_ips.find_row, FLOATING_IPS),
    ('subnetpools', subnet_pools, subnet_pools.find, SUBNET_POOLS),
    ('security-groups', security_groups, security_groups.find_row, GROUPS),
]


def list_tags(kind: Kind, call: Call) -> Reply:
    """The tags of a resource."""
    _, module, find, _ = kind
    return Reply(
        {'tags': call.service.read(call.ctx, lambda work: tags.split(find(work, call.params['id'], module.SHOW).tags))}, wrap=False
    )


def _change(kind: Kind, call: Call, change: Any) -> Any:
    _, module, find, table = kind

    def run(work: Work) -> Any:
        return change(work, table, find(work, call.params['id'], module.UPDATE, lock=True))

    return call.service.write(call.ctx, run)


def replace_tags(kind: Kind, call: Call) -> Reply:
    """Let a resource have exactly these tags."""
    return Reply({'tags': _change(kind, call, lambda work, table, row: tags.replace(work, table, row, call.body['tags']))}, wrap=False)


def add_tags(kind: Kind, call: Call) -> Reply:
    """Give a resource further tags."""
    return Reply({'tags': _change(kind, call, lambda work, table, row: tags.add(work, table, row, call.body['tags']))}, wrap=False)


def remove_tags(kind: Kind, call: Call) -> None:
    """Take all tags off a resource."""
    _change(kind, call, lambda work, table, row: tags.replace(work, table, row, []))


def show_tag(kind: Kind, call: Call) -> None:
    """Whether a resource has a tag: 204 or 404."""
    _, module, find, _ = kind
    call.service.read(call.ctx, lambda work: tags.require(find(work, call.params['id'], module.SHOW), call.params['tag']))


def add_tag(kind: Kind, call: Call) -> None:
    """Give a resource a tag."""
    _change(kind, call, lambda work, table, row: tags.add(work, table, row, [call.params['tag']]))


def remove_tag(kind: Kind, call: Call) -> None:
    """Take a tag off a resource."""
    _change(kind, call, lambda work, table, row: tags.remove(work, table, row, call.params['tag']))


_BODY = Obj({'tags': List(Str(255, min=1), max=1000)}, required=['tags'])
_ANSWER = answer({'tags': [str]})


def _routes(kind: Kind) -> list[Route]:
    collection, module = kind[0], kind[1]
    path = f'/v2.0/{collection}/{{id}}/tags'

    def of(handler: Any) -> Any:
        return functools.partial(handler, kind)

    show, update = _route_rule(module.SHOW), module.UPDATE
    return [
        GET(path, of(list_tags), policy=show, listing=False, response=_ANSWER),
        PUT(path, of(replace_tags), policy=update, body=_BODY, wrap=False, response=_ANSWER),
        POST(path, of(add_tags), policy=update, body=_BODY, wrap=False, response=_ANSWER),
        DELETE(path, of(remove_tags), policy=update),
        GET(f'{path}/{{tag}}', of(show_tag), policy=show, ok=204),
        PUT(f'{path}/{{tag}}', of(add_tag), policy=update, body=None, ok=201),
        DELETE(f'{path}/{{tag}}', of(remove_tag), policy=update),
    ]


def _route_rule(show: str) -> str:
    """Before there is a record only the right to look at such things can be asked."""
    return show.rpartition(':')[0] + ':list'


TAGS = Resource('tags', routes=[route for kind in KINDS for route in _routes(kind)])
