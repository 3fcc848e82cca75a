"""What the fields of a port may hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from network.work import Work

OWNER_FIELDS = ('mac_address', 'fixed_ips', 'port_security_enabled', 'allowed_address_pairs')
"""What only the owner of the network (or an administrator) says: on a network that others share one cannot be trusted with it."""
_MOST_OPTIONS = 20


def harmless(name: str, value: Any) -> bool:
    """Whether anybody may say it: an address by its subnet alone, nothing at all."""
    if name == 'fixed_ips':
        return all(not entry.get('ip_address') for entry in value)
    return value == [] or (name == 'port_security_enabled' and value is True)


def address_pairs(work: Work, given: Sequence[dict[str, Any]], mac: str, held: Sequence[tuple[str, str]], secure: bool) -> list[list[str]]:
    """Pairs as they are kept: `[[MAC, address or network], ...]`. Raises InvalidInput, Conflict."""
    if given and not secure:
        raise Conflict(
            'Port Security must be enabled in order to have allowed address pairs on a port.',
            code='address_pair_and_port_security_required',
        )
    if len(given) > work.options.max_address_pairs:
        raise InvalidInput(
            f'Exceeded maximum amount of allowed address pairs: {work.options.max_address_pairs}.', code='allowed_address_pair_exhausted'
        )
    found: list[list[str]] = []
    own = {address for _, address in held}
    for pair in given:
        entry = [pair.get('mac_address') or mac, pair['ip_address']]
        if entry in found:
            raise InvalidInput(
                f'Request contains duplicate address pair: mac_address {entry[0]} ip_address {entry[1]}.',
                code='duplicate_address_pair_in_request',
            )
        if entry[0] == mac and entry[1] in own:
            message = f"Port's Fixed IP and Mac Address match an address pair entry: {entry[1]}."
            raise InvalidInput(message, code='address_pair_matches_port_fixed_ip_and_mac')
        found.append(entry)
    return found


def dhcp_options(given: Sequence[dict[str, Any]], present: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Options as they are kept: `[[name, value, version], ...]`; one with the value null is taken away. Raises InvalidInput."""
    found = {(name, version): value for name, value, version in present}
    seen = set()
    for option in given:
        key = (option['opt_name'], option.get('ip_version') or 4)
        if key in seen:
            raise InvalidInput(f'Duplicate DHCP option {key[0]}.', code='invalid_value', field='extra_dhcp_opts')
        seen.add(key)
        value = option.get('opt_value')
        if value is None:
            found.pop(key, None)
        elif not value.isprintable():
            raise InvalidInput(
                f'The value of DHCP option {key[0]} holds control characters.', code='invalid_value', field='extra_dhcp_opts'
            )
        else:
            found[key] = value
    if len(found) > _MOST_OPTIONS:
        raise InvalidInput(f'A port has at most {_MOST_OPTIONS} DHCP options.', code='invalid_value', field='extra_dhcp_opts')
    return [[name, value, version] for (name, version), value in sorted(found.items())]


def device_change(row: Any, changes: dict[str, Any]) -> None:
    """Raises Conflict where the port of a router or of the cloud itself is to be given to something else."""
    if row.device_owner.startswith('network:') and changes.keys() & {'device_id', 'device_owner'}:
        message = f'Port {row.id} belongs to {row.device_owner} {row.device_id} and cannot be given to another device.'
        raise Conflict(message, code='unsupported_port_device_owner')
