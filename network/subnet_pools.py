"""Subnet pools: networks from which subnets are cut, none of them twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput
from network import pool_ranges, tags
from network import subnet_ranges as ranges
from network.db import rows
from network.db import subnet_pools as queries
from network.db.models import SUBNET_POOLS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'subnet pool'
SHOW = 'network:subnetpools:show'
UPDATE = 'network:subnetpools:update'
DELETE = 'network:subnetpools:delete'
_PLAIN = ('name', 'description', 'default_quota', 'is_default')
_SMALLEST = {4: 8, 6: 64}


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Any]:
    """A page of the pools that the caller sees."""
    return queries.page(work.session, filters, wanted, work.viewer)


def find(work: Work, pool_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A pool that the caller may see, and do this to. Raises NotFound, Forbidden."""
    return work.seen(rows.get(work.session, SUBNET_POOLS, pool_id, lock=lock), NOUN, pool_id, SHOW, rule)


def create(work: Work, body: dict[str, Any]) -> Any:
    """A new pool. Raises InvalidInput, OverQuota."""
    project_id = work.project_of(body)
    work.service.quotas.reserve(work.session, project_id, {'subnetpool': 1})
    prefixes = _merged(body['prefixes'])
    version = ranges.network(prefixes[0]).version
    if body.get('is_default'):
        _check_default(work, version, None)
    return rows.insert(
        work.session,
        SUBNET_POOLS,
        project_id=project_id,
        ip_version=version,
        prefixes=prefixes,
        **_lengths(version, body, None),
        **{name: body[name] for name in (*_PLAIN, 'shared') if body.get(name) is not None},
        tags=tags.joined(body.get('tags') or []),
    )


def _merged(prefixes: Sequence[str]) -> list[str]:
    if not prefixes:
        raise InvalidInput('A subnet pool needs at least one prefix.', code='subnet_pool_missing_prefixes', field='prefixes')
    if len({ranges.network(prefix).version for prefix in prefixes}) > 1:
        message = 'Cannot mix IPv4 and IPv6 prefixes in a subnet pool.'
        raise InvalidInput(message, code='prefix_version_mismatch', field='prefixes')
    return pool_ranges.merged(prefixes)


def _lengths(version: int, body: dict[str, Any], before: Any) -> dict[str, int]:
    """The bounds of prefix lengths. Raises InvalidInput where they contradict each other."""

    def chosen(name: str, otherwise: int) -> int:
        given = body.get(name)
        return int(given) if given is not None else int(getattr(before, name, otherwise))

    longest = 32 if version == 4 else 128
    low, high = chosen('min_prefixlen', _SMALLEST[version]), chosen('max_prefixlen', longest)
    default = chosen('default_prefixlen', low)
    if not 0 <= low <= default <= high <= longest:
        message = (
            f'Illegal prefix bounds: min_prefixlen {low}, default_prefixlen {default}, max_prefixlen {high} must be in this order and '
            f'at most {longest}.'
        )
        raise InvalidInput(message, code='illegal_subnet_pool_prefix_bounds')
    return {'min_prefixlen': low, 'default_prefixlen': default, 'max_prefixlen': high}


def _check_default(work: Work, version: int, itself: str | None) -> None:
    present = queries.default_of(work.session, version)
    if present is not None and present.id != itself:
        message = f'A default subnet pool for IPv{version} exists already: {present.id}.'
        raise InvalidInput(message, code='invalid_value', field='is_default')


def update(work: Work, pool_id: str, body: dict[str, Any], if_revision: int | None = None) -> Any:
    """Change a pool; its prefixes can only grow. Raises InvalidInput."""
    pool = find(work, pool_id, UPDATE, lock=True)
    check_revision(pool, if_revision)
    changes = {name: body[name] for name in _PLAIN if name in body and body[name] != getattr(pool, name)}
    if changes.get('is_default'):
        _check_default(work, pool.ip_version, pool.id)
    if body.get('prefixes') is not None:
        prefixes = _merged(body['prefixes'])
        if not all(pool_ranges.covers(prefixes, prefix) for prefix in pool.prefixes):
            message = f'Illegal update to prefixes: the prefixes {pool.prefixes} of the pool must stay in it.'
            raise InvalidInput(message, code='illegal_subnet_pool_prefix_update', field='prefixes')
        changes['prefixes'] = prefixes
    changes.update(_lengths(pool.ip_version, body, pool))
    changes = {name: value for name, value in changes.items() if value != getattr(pool, name)}
    return rows.update(work.session, SUBNET_POOLS, pool, **changes) if changes else pool


def delete(work: Work, pool_id: str, if_revision: int | None = None) -> None:
    """Delete a pool. Raises Conflict while there are subnets of it."""
    pool = find(work, pool_id, DELETE, lock=True)
    check_revision(pool, if_revision)
    if queries.subnets_from(work.session, pool.id):
        raise Conflict('Unable to delete subnet pool: Subnet pool has existing allocations.', code='subnet_pool_delete_error')
    rows.delete(work.session, SUBNET_POOLS, pool.id)


# -- cutting subnets


def of_subnet(work: Work, body: dict[str, Any]) -> Any | None:
    """The pool that a new subnet is to be cut from, locked until the end of the transaction; None: from no pool. Raises NotFound."""
    if body.get('subnetpool_id'):
        return find(work, body['subnetpool_id'], lock=True)
    if body.get('use_default_subnetpool'):
        version = body.get('ip_version') or 4
        pool = queries.default_of(work.session, version)
        if pool is None:
            message = f'No default subnetpool found for IPv{version}.'
            raise InvalidInput(message, code='no_default_subnetpool_found', field='use_default_subnetpool')
        return rows.get(work.session, SUBNET_POOLS, pool.id, lock=True)
    return None


def cut(work: Work, pool: Any, project_id: str, body: dict[str, Any], others: Sequence[Any]) -> str:
    """The CIDR of a new subnet from a pool. `others`: the network's subnets. Raises InvalidInput, Conflict."""
    if body.get('ip_version') not in (None, pool.ip_version):
        message = f'Subnet pool {pool.id} is of IPv{pool.ip_version}, not of IPv{body["ip_version"]}.'
        raise InvalidInput(message, code='invalid_value', field='ip_version')
    if any(other.ip_version == pool.ip_version and other.subnetpool_id != pool.id for other in others):
        message = 'Subnets hosted on the same network must be allocated from the same subnet pool.'
        raise InvalidInput(message, code='network_subnet_pool_affinity_error')
    taken = queries.subnets_from(work.session, pool.id)
    used = [row.cidr for row in taken]
    cidr = _exactly(pool, used, body['cidr']) if body.get('cidr') else _anywhere(pool, used, body.get('prefixlen'))
    if pool.default_quota is not None:
        spent = sum(pool_ranges.weight(row.cidr) for row in taken if row.project_id == project_id)
        if spent + pool_ranges.weight(cidr) > pool.default_quota:
            raise Conflict('Per-tenant subnet pool prefix quota exceeded.', code='subnet_pool_quota_exceeded')
    return cidr


def _check_length(pool: Any, length: int) -> None:
    if length < pool.min_prefixlen:
        message = f'Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {pool.min_prefixlen}.'
        raise InvalidInput(message, code='min_prefix_subnet_allocation_error', field='prefixlen')
    if length > pool.max_prefixlen:
        message = f'Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {pool.max_prefixlen}.'
        raise InvalidInput(message, code='max_prefix_subnet_allocation_error', field='prefixlen')


def _exactly(pool: Any, used: Sequence[str], cidr: str) -> str:
    _check_length(pool, ranges.network(cidr).prefixlen)
    if not pool_ranges.covers(pool.prefixes, cidr) or any(ranges.overlap(cidr, other) for other in used):
        message = f'Failed to allocate subnet: Cannot allocate requested subnet {cidr} from the available set of prefixes.'
        raise Conflict(message, code='subnet_allocation_error')
    return cidr


def _anywhere(pool: Any, used: Sequence[str], length: int | None) -> str:
    length = pool.default_prefixlen if length is None else length
    _check_length(pool, length)
    found = pool_ranges.room(pool.prefixes, used, length)
    if found is None:
        message = f'Failed to allocate subnet: Insufficient prefix space to allocate subnet size /{length}.'
        raise Conflict(message, code='subnet_allocation_error')
    return found
