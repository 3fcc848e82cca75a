"""Flavors, their extra specs and who may use them."""

from __future__ import annotations

from typing import Any

from common.api import ACTIONS, DELETE, GET, POST, PUT, Action, Bool, Call, Int, Map, Obj, Reply, Resource, Str
from common.api.types import Raw
from common.errors import InvalidInput, NotFound
from compute import flavors
from compute.api import answers
from compute.api.server_view import links
from compute.api.versions import minor
from compute.db import flavors as queries


def view(call: Call, flavor: Any) -> dict[str, Any]:
    """A flavor (a record or a row of a list) as clients see it."""
    body = {
        'id': flavor.id,
        'name': flavor.name,
        'ram': flavor.memory_mib,
        'disk': flavor.root_gib,
        'vcpus': flavor.vcpus,
        'swap': flavor.swap_mib or (0 if minor(call) >= 75 else ''),
        'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral_gib,
        'OS-FLV-DISABLED:disabled': False,
        'os-flavor-access:is_public': flavor.is_public,
        'rxtx_factor': flavor.rxtx_factor,
        'links': links(call, 'flavors', flavor.id),
    }
    if minor(call) >= 55:
        body['description'] = flavor.description
    if minor(call) >= 61:
        body['extra_specs'] = flavor.extra_specs
    return body


def _page(call: Call) -> tuple[list[Any], Any]:
    page = call.paging('flavorid:asc')
    order = list(page.sort)
    unknown = [key for key, _ in order if key not in queries.SORTABLE]
    if unknown:
        raise InvalidInput(f'Flavors cannot be sorted by {unknown[0][:64]}; known: {", ".join(queries.SORTABLE)}.', field='sort_key')
    if not {'flavorid', 'id'} & set(dict(order)):
        order.append(('flavorid', 'asc'))
    least = {name: _number(call, name) for name in ('minDisk', 'minRam')}
    with call.service.db.read() as session:
        marker = queries.get(session, page.marker) if page.marker is not None else None
        if page.marker is not None and marker is None:
            raise InvalidInput(f'marker [{page.marker[:64]}] not found', field='marker')
        found = queries.list_flavors(
            session, call.ctx.project_id, _public(call), call.ctx.is_admin, least['minDisk'], least['minRam'], order, page.limit, marker
        )
    return found, page


def _public(call: Call) -> bool | None:
    """None: all that the caller may see."""
    text = str(call.query.get('is_public', '')).lower()
    if not call.ctx.is_admin:
        return None
    if text == 'none':
        return None
    if text in ('', '1', 'true', 't', 'yes', 'on'):
        return True
    if text in ('0', 'false', 'f', 'no', 'off'):
        return False
    raise InvalidInput(f'is_public is true, false or none, not {text[:40]!r}.', field='is_public')


def _number(call: Call, name: str) -> int:
    text = str(call.query.get(name) or '0')
    if not text.isdigit() or len(text) > 9:
        raise InvalidInput(f'{name} is a whole number, not {text[:40]!r}.', field=name)
    return int(text)


def list_brief(call: Call) -> Reply:
    """Ids and names."""
    found, page = _page(call)
    items = []
    for flavor in found:
        body: dict[str, Any] = {'id': flavor.id, 'name': flavor.name, 'links': links(call, 'flavors', flavor.id)}
        if minor(call) >= 55:
            body['description'] = flavor.description
        items.append(body)
    return call.paged(items, page)


def list_detail(call: Call) -> Reply:
    """Whole flavors."""
    found, page = _page(call)
    return call.paged([view(call, flavor) for flavor in found], page)


def create_flavor(call: Call) -> dict[str, Any]:
    """Offer a new one."""
    return view(call, flavors.create(call.service, {name: value for name, value in call.body.items() if value is not None}))


def show_flavor(call: Call) -> dict[str, Any]:
    """One flavor."""
    return view(call, flavors.find(call.service, call.ctx, call.params['id']))


def update_flavor(call: Call) -> dict[str, Any]:
    """Change its description."""
    return view(call, flavors.update(call.service, call.params['id'], call.body['description']))


def delete_flavor(call: Call) -> None:
    """Stop offering it."""
    flavors.delete(call.service, call.params['id'])


def list_specs(call: Call) -> Reply:
    """All extra specs."""
    return Reply({'extra_specs': flavors.find(call.service, call.ctx, call.params['id']).extra_specs}, wrap=False)


def show_spec(call: Call) -> Reply:
    """One extra spec."""
    key = call.params['key']
    specs = flavors.find(call.service, call.ctx, call.params['id']).extra_specs
    if key not in specs:
        raise NotFound(message=f'Flavor {call.params["id"]} has no extra specs with key {key[:255]}.')
    return Reply({key: specs[key]}, wrap=False)


def add_specs(call: Call) -> Reply:
    """Add extra specs."""
    flavors.set_specs(call.service, call.params['id'], call.body['extra_specs'])
    return Reply({'extra_specs': call.body['extra_specs']}, wrap=False)


def set_spec(call: Call) -> Reply:
    """Set one extra spec."""
    key = call.params['key']
    if set(call.body) != {key}:
        raise InvalidInput('Request body and URI mismatch', field=key[:64])
    flavors.set_specs(call.service, call.params['id'], call.body)
    return Reply(call.body, wrap=False)


def remove_spec(call: Call) -> None:
    """Remove one extra spec."""
    flavors.remove_spec(call.service, call.params['id'], call.params['key'])


def list_access(call: Call) -> Reply:
    """Projects that may use a flavor which is not public."""
    flavor = flavors.find(call.service, call.ctx, call.params['id'])
    if flavor.is_public:
        raise NotFound(message='Access list not available for public flavors.')
    with call.service.db.read() as session:
        projects = queries.access_of(session, flavor.id)
    return _access(call, projects)


def _access(call: Call, projects: list[str]) -> Reply:
    return Reply({'flavor_access': [{'flavor_id': call.params['id'], 'tenant_id': project} for project in projects]}, wrap=False)


def add_access(call: Call) -> Reply:
    """Let a project use it."""
    return _access(call, flavors.change_access(call.service, call.params['id'], call.body['tenant'], True))


def remove_access(call: Call) -> Reply:
    """Let a project use it no more."""
    return _access(call, flavors.change_access(call.service, call.params['id'], call.body['tenant'], False))


_LARGE = 2147483647
_CREATE = Obj(
    {
        'name': Str(255, min=1),
        'id': Raw({'type': ['string', 'number', 'null'], 'maxLength': 255}, 'a text or a number'),
        'ram': Int(1, _LARGE),
        'vcpus': Int(1, _LARGE),
        'disk': Int(0, _LARGE),
        'OS-FLV-EXT-DATA:ephemeral': Int(0, _LARGE),
        'swap': Int(0, _LARGE),
        'rxtx_factor': Raw({'type': ['number', 'string'], 'maxLength': 40}, 'a number'),
        'os-flavor-access:is_public': Bool,
        'description': Str(65535) | None,
    },
    required=['name', 'ram', 'vcpus', 'disk'],
)
_QUERY = {'is_public': Str(16), 'minDisk': Str(16), 'minRam': Str(16)}
_SPECS = Map(Str(255))
_TENANT = Obj({'tenant': Str(64, min=1)}, required=['tenant'])
_ID = '/v2.1/{project}/flavors/{id}'
FLAVORS = Resource(
    'flavors',
    'flavor',
    view=answers.FLAVOR,
    routes=[
        GET('/v2.1/{project}/flavors', list_brief, policy='compute:flavors:list', query=_QUERY),
        GET('/v2.1/{project}/flavors/detail', list_detail, policy='compute:flavors:list', query=_QUERY),
        POST('/v2.1/{project}/flavors', create_flavor, policy='compute:flavors:manage', body=_CREATE),
        GET(_ID, show_flavor, policy='compute:flavors:list'),
        PUT(
            _ID,
            update_flavor,
            policy='compute:flavors:manage',
            body=Obj({'description': Str(65535) | None}, required=['description']),
            since='2.55',
        ),
        DELETE(_ID, delete_flavor, policy='compute:flavors:manage', ok=202),
        GET(f'{_ID}/os-extra_specs', list_specs, policy='compute:flavors:specs', listing=False, response=answers.EXTRA_SPECS),
        POST(
            f'{_ID}/os-extra_specs',
            add_specs,
            policy='compute:flavors:manage',
            body=Obj({'extra_specs': _SPECS}, required=['extra_specs']),
            wrap=False,
        ),
        GET(f'{_ID}/os-extra_specs/{{key}}', show_spec, policy='compute:flavors:specs', response=answers.EXTRA_SPEC),
        PUT(f'{_ID}/os-extra_specs/{{key}}', set_spec, policy='compute:flavors:manage', body=_SPECS, wrap=False),
        DELETE(f'{_ID}/os-extra_specs/{{key}}', remove_spec, policy='compute:flavors:manage', ok=200),
        GET(f'{_ID}/os-flavor-access', list_access, policy='compute:flavors:manage', listing=False, response=answers.ACCESS),
        ACTIONS(
            f'{_ID}/action',
            {
                'addTenantAccess': Action(add_access, policy='compute:flavors:manage', body=_TENANT, ok=200),
                'removeTenantAccess': Action(remove_access, policy='compute:flavors:manage', body=_TENANT, ok=200),
            },
        ),
    ],
)
