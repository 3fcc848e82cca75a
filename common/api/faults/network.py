"""neutron's errors: `{"NeutronError": {"type": "NetworkNotFound", "message": "...", "detail": ""}}`.

The type is a class name of neutron's, on which clients and tools decide. It comes from, in this order: `TYPES` by the
error's own `code` (`Conflict('...', code='network_in_use')` is NetworkInUse, even unlisted: the code in camel case), the
noun of what was not found, the kind of error.
"""

from __future__ import annotations

from common.api.faults import Formatted, finished, message_of
from common.api.statuses import phrase
from common.errors import NotFound, OverQuota, PileusError, RouteNotFound

# Codes whose type is not simply the code in camel case. The network service may add to it.
TYPES: dict[str, str] = {
    'invalid_input': 'HTTPBadRequest',
    'unauthorized': 'HTTPUnauthorized',
    'forbidden': 'PolicyNotAuthorized',
    'over_quota': 'OverQuota',
    'precondition_failed': 'RevisionNumberConstraintFailed',
    'stale_record': 'RevisionNumberConstraintFailed',
    'ip_address_in_use': 'IpAddressInUse',
    'ip_address_generation_failure': 'IpAddressGenerationFailure',
    'mac_address_in_use': 'MacAddressInUse',
    'floating_ip_port_already_associated': 'FloatingIPPortAlreadyAssociated',
    'l3_port_in_use': 'L3PortInUse',
}
_NOUNS = {'floating ip': 'FloatingIP', 'floatingip': 'FloatingIP', 'ip': 'IP'}
_BY_STATUS_ALONE = frozenset(
    {'not_found', 'method_not_allowed', 'not_acceptable', 'too_large', 'unsupported_media_type', 'too_many_requests', 'internal'}
)


def type_of(error: PileusError) -> str:
    """neutron's name for an error."""
    code = error.code
    if isinstance(error, NotFound) and not isinstance(error, RouteNotFound) and code == NotFound.code and error.noun:
        noun = error.noun.lower().replace('_', ' ')
        return (_NOUNS.get(noun) or _camel(noun)) + 'NotFound'
    if code in TYPES:
        return TYPES[code]
    if code in _BY_STATUS_ALONE:
        return 'HTTP' + phrase(error.status).replace(' ', '')
    return _camel(code.replace('_', ' '))


def _camel(words: str) -> str:
    return ''.join(word[:1].upper() + word[1:] for word in words.replace('-', ' ').split())


def format(error: PileusError, request_id: str, accept: str = '') -> Formatted:
    """The error in neutron's form. A quota that is used up is a conflict here."""
    status = 409 if isinstance(error, OverQuota) else error.status
    return finished(status, error, {'NeutronError': {'type': type_of(error), 'message': message_of(error, request_id), 'detail': ''}})
