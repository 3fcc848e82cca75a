"""How the services differ on the wire, as data."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Dialect:
    """The habits of one upstream service.

    member_wrapped: a single thing sits under its key. extra_body / extra_query: `refuse` or `allow` what is not known
    (the query of lists only: a parameter that is allowed is left out, `keep`: handlers find it in `call.query`). many_filters: filters may be
    repeated and are lists. links: style of paging links. fields_parameter: `?fields=` picks the fields of the answer.
    max_limit: the longest page, and the one given where the client asks for none. empty_id_is_unknown: `/things/` asks for the thing
    without an id, which there is not, instead of for the list.
    """

    service: str
    service_type: str
    member_wrapped: bool = True
    extra_body: str = 'refuse'
    extra_query: str = 'allow'
    many_filters: bool = False
    links: str = 'list_links'
    fields_parameter: bool = False
    max_limit: int | None = 1000
    always_links: bool = False
    request_id_header: str | None = None
    empty_id_is_unknown: bool = False


DIALECTS = {
    dialect.service: dialect
    for dialect in (
        Dialect('identity', 'identity', extra_body='allow', links='keystone', always_links=True, max_limit=None),
        Dialect('compute', 'compute', request_id_header='x-compute-request-id'),
        Dialect('volume', 'volume'),
        Dialect('network', 'network', extra_query='refuse', many_filters=True, fields_parameter=True, max_limit=None),
        Dialect('image', 'image', member_wrapped=False, extra_body='allow', extra_query='keep', links='glance', empty_id_is_unknown=True),
    )
}


def dialect_of(service: str) -> Dialect:
    """The dialect of a service; services of our own speak like compute."""
    return DIALECTS.get(service) or Dialect(service, service)
