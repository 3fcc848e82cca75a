"""Rules of security groups. A rule is what it says: a group holds each only once, whatever races."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput
from network import subnet_ranges as ranges
from network.db import rows
from network.db import security_groups as queries
from network.db.models import GROUPS, RULES
from network.desired.firewall import NUMBERS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'security group rule'
SHOW = 'network:security_group_rules:show'
DELETE = 'network:security_group_rules:delete'
GROUP_SHOW = 'network:security_groups:show'

IPV4, IPV6 = 'IPv4', 'IPv6'
_PORTS = {6, 17, 33, 132, 136}
_ICMP = {1, 58}
_LAST_PORT = 65535
_ONLY_IPV6 = {'icmpv6', 'ipv6-icmp', 'ipv6-encap', 'ipv6-frag', 'ipv6-nonxt', 'ipv6-opts', 'ipv6-route'}


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Any]:
    """A page of the rules that the caller sees."""
    filters = {**filters}
    if 'protocol' in filters:
        filters['protocol'] = [str(value).lower() for value in filters['protocol']]
    return queries.page_of_rules(work.session, filters, wanted, work.viewer)


def find(work: Work, rule_id: str, rule: str = SHOW) -> Any:
    """A rule that the caller may see: its own, or one of its own groups."""
    found = rows.get(work.session, RULES, rule_id)
    if found is not None and not work.allowed(SHOW, found):
        group = rows.get(work.session, GROUPS, found.security_group_id)
        if group is not None and work.allowed(GROUP_SHOW, group):
            if rule != SHOW:
                work.authorize(rule, group)
            return found
    return work.seen(found, NOUN, rule_id, SHOW, rule)


def create(work: Work, body: dict[str, Any]) -> Any:
    """A new rule. Raises NotFound (group), InvalidInput, Conflict where the group has it already, OverQuota."""
    group = work.seen(rows.get(work.session, GROUPS, body['security_group_id']), 'security group', body['security_group_id'], GROUP_SHOW)
    work.authorize('network:security_group_rules:create', group)
    project_id = work.project_of(body) if body.get('project_id') or body.get('tenant_id') else group.project_id
    said = _said(body)
    remote = said['remote_group_id']
    if remote and remote != group.id:
        work.seen(rows.get(work.session, GROUPS, remote), 'security group', remote, GROUP_SHOW)
    work.service.quotas.reserve(work.session, project_id, {'security_group_rule': 1})
    fingerprint = fingerprint_of(said)
    same = queries.same_rule(work.session, group.id, fingerprint)
    if same is not None:
        raise Conflict(f'Security group rule already exists. Rule id is {same}.', code='security_group_rule_exists')
    work.touched.groups.add(group.id)
    return rows.insert(
        work.session,
        RULES,
        project_id=project_id,
        security_group_id=group.id,
        description=body.get('description') or '',
        fingerprint=fingerprint,
        **said,
    )


def delete(work: Work, rule_id: str, if_revision: int | None = None) -> None:
    """Delete a rule."""
    found = find(work, rule_id, DELETE)
    check_revision(found, if_revision)
    work.touched.groups.add(found.security_group_id)
    rows.delete(work.session, RULES, found.id)


def add_initial(work: Work, group: Any, *, members_may_meet: bool = False) -> None:
    """The rules a group starts with: everything may leave; in the default group members may also reach each other."""
    written = []
    for ethertype in (IPV4, IPV6):
        written.append(_rule(group, 'egress', ethertype))
        if members_may_meet:
            written.append(_rule(group, 'ingress', ethertype, remote_group_id=group.id))
    rows.insert_all(work.session, RULES, written)


def _rule(group: Any, direction: str, ethertype: str, **values: Any) -> dict[str, Any]:
    said = _said({'direction': direction, 'ethertype': ethertype, **values})
    return {'security_group_id': group.id, 'project_id': group.project_id, 'fingerprint': fingerprint_of(said), **said}


def fingerprint_of(said: dict[str, Any]) -> str:
    """What a rule says as one text; two spellings of one protocol say the same, and so does a prefix that lets everything in."""
    number = _number(said['protocol'])
    prefix = said['remote_ip_prefix']
    if prefix and ranges.network(prefix).prefixlen == 0:
        prefix = None
    parts = (said['direction'], said['ethertype'], number, said['port_range_min'], said['port_range_max'], prefix, said['remote_group_id'])
    return '|'.join('' if part is None else str(part) for part in parts)


def _number(protocol: str | None) -> int | None:
    if protocol is None:
        return None
    return int(protocol) if protocol.isdigit() else NUMBERS[protocol]


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """What a rule says, checked. Raises InvalidInput."""
    said = {
        'direction': body['direction'],
        'ethertype': body.get('ethertype') or IPV4,
        'protocol': _protocol(body.get('protocol')),
        'port_range_min': body.get('port_range_min'),
        'port_range_max': body.get('port_range_max'),
        'remote_ip_prefix': body.get('remote_ip_prefix') or None,
        'remote_group_id': body.get('remote_group_id') or None,
    }
    _check_remote(said)
    _check_protocol(said)
    _check_ports(said)
    return said


def _protocol(given: Any) -> str | None:
    if given is None or given == '':
        return None
    text = str(given).lower()
    if text == 'any':
        return None
    if text.isdigit() and int(text) <= 255:
        return text
    if text not in NUMBERS:
        message = f'Security group rule protocol {text[:60]} not supported. Only protocol values {", ".join(sorted(NUMBERS))} and integer representations [0 to 255] are supported.'
        raise InvalidInput(message, code='security_group_rule_invalid_protocol', field='protocol')
    return text


def _check_remote(said: dict[str, Any]) -> None:
    prefix = said['remote_ip_prefix']
    if prefix and said['remote_group_id']:
        message = 'Only remote_ip_prefix or remote_group_id may be provided.'
        raise InvalidInput(message, code='security_group_multiple_remote_entities_specified')
    if prefix and (':' in prefix) != (said['ethertype'] == IPV6):
        message = f'Conflicting value ethertype {said["ethertype"]} for CIDR {prefix}.'
        raise InvalidInput(message, code='security_group_rule_parameter_conflict', field='remote_ip_prefix')


def _check_protocol(said: dict[str, Any]) -> None:
    if said['protocol'] in _ONLY_IPV6 and said['ethertype'] == IPV4:
        message = f'Invalid ethertype {said["ethertype"]} for protocol {said["protocol"]}.'
        raise InvalidInput(message, code='security_group_ether_type_conflict_with_protocol', field='protocol')


def _check_ports(said: dict[str, Any]) -> None:
    low, high = said['port_range_min'], said['port_range_max']
    if low is None and high is None:
        return
    number = _number(said['protocol'])
    if number in _ICMP:
        _check_icmp(low, high)
    elif number in _PORTS:
        _check_range(low, high)
    else:
        message = f'Must also specify a protocol with ports (tcp, udp, sctp, dccp, udplite) if port range is given, not {said["protocol"]}.'
        raise InvalidInput(message, code='security_group_protocol_required_with_ports', field='protocol')


def _check_range(low: int | None, high: int | None) -> None:
    for name, port in (('port_range_min', low), ('port_range_max', high)):
        if port is not None and not 1 <= port <= _LAST_PORT:
            message = f'Invalid value for port {port}: it must be from 1 to {_LAST_PORT}.'
            raise InvalidInput(message, code='security_group_invalid_port_value', field=name)
    if low is None or high is None or low > high:
        message = 'For TCP/UDP protocols, port_range_min must be <= port_range_max, and both must be given.'
        raise InvalidInput(message, code='security_group_invalid_port_range', field='port_range_min')


def _check_icmp(kind: int | None, code: int | None) -> None:
    if kind is None:
        message = f'ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing.'
        raise InvalidInput(message, code='security_group_missing_icmp_type', field='port_range_min')
    for name, value in (('type', kind), ('code', code)):
        if value is not None and not 0 <= value <= 255:
            message = f'Invalid value for ICMP {name}: {value}. It must be from 0 to 255.'
            raise InvalidInput(
                message, code='security_group_invalid_icmp_value', field='port_range_min' if name == 'type' else 'port_range_max'
            )
