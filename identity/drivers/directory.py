"""Connections to an LDAP server: kept, shared, tried again once when the server has dropped them (RFC 4511, RFC 4513)."""

from __future__ import annotations

import contextlib
import queue
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import ldap3
from ldap3.core import exceptions as broken
from ldap3.core import results as codes
from ldap3.protocol.sasl.sasl import validate_simple_password

from common.config import ConfigError
from common.errors import Conflict, Forbidden, PileusError, Unavailable
from identity.conf import LdapOptions

T = TypeVar('T')
_CHECKS = {'demand': ssl.CERT_REQUIRED, 'allow': ssl.CERT_OPTIONAL, 'never': ssl.CERT_NONE}
# The server did not answer, or the connection is of no use any more.
_LOST = (broken.LDAPCommunicationError, broken.LDAPMaximumRetriesError, broken.LDAPSessionTerminatedByServerError)
_REFUSED = (codes.RESULT_INSUFFICIENT_ACCESS_RIGHTS, codes.RESULT_UNWILLING_TO_PERFORM, codes.RESULT_CONSTRAINT_VIOLATION)
# What a server says of a password that is wrong, or of an account that may not log in (locked, expired, not there).
_WRONG = (
    codes.RESULT_INVALID_CREDENTIALS,
    codes.RESULT_NO_SUCH_OBJECT,
    codes.RESULT_INVALID_DN_SYNTAX,
    codes.RESULT_INAPPROPRIATE_AUTHENTICATION,
    codes.RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    codes.RESULT_UNWILLING_TO_PERFORM,
    codes.RESULT_CONSTRAINT_VIOLATION,
)
_GONE = (codes.RESULT_NO_SUCH_OBJECT, codes.RESULT_NO_SUCH_ATTRIBUTE)


class Entry:
    """An entry of the directory: its name and the values of its attributes, as text, whatever the case of their names."""

    __slots__ = ('dn', '_values')

    def __init__(self, dn: str, raw: Mapping[str, Sequence[bytes]]) -> None:
        self.dn = dn
        self._values = {name.lower(): values for name, values in raw.items()}

    def all(self, attribute: str) -> list[str]:
        """All values."""
        return [value.decode('utf-8', 'replace') for value in self._values.get(attribute.lower(), ())]

    def first(self, attribute: str) -> str | None:
        """The first value, or None."""
        values = self.all(attribute) if attribute else []
        return values[0] if values else None


class _Away(Unavailable):
    """No server has answered."""

    def __init__(self, detail: str) -> None:
        super().__init__('The directory of users does not answer. Try again.', admin_detail=detail)


class Directory:
    """A directory server, or several of the same content, of which the first that answers is used.

    Raises Unavailable from every method when no server answers in time. While none does, one thread at a time waits for it, and all
    others are refused at once: who waits for a directory must not take up what serves everybody else.
    """

    def __init__(self, options: LdapOptions) -> None:
        self._options = options
        urls = options.url.split()
        if not urls or not all(url.startswith(('ldap://', 'ldaps://', 'ldapi://')) for url in urls):
            raise ConfigError(f'[ldap] url must begin with ldap:// or ldaps://, not {options.url!r}.')
        self._urls = urls
        self._tls = None
        if options.use_start_tls or any(url.startswith('ldaps://') for url in urls):
            self._tls = ldap3.Tls(validate=_CHECKS[options.tls_require_cert], ca_certs_file=options.tls_ca_file or None)
        self._away = False
        self._asking = threading.Lock()
        self._idle: queue.LifoQueue[ldap3.Connection] = queue.LifoQueue(options.pool_size)

    def search(self, base: str, scope: str, condition: str, attributes: Sequence[str]) -> list[Entry]:
        """Entries that fit an RFC 4515 filter, page by page. A base that does not exist has none below it.

        :param scope: `base`, `one` or `sub`
        """
        where = {'base': ldap3.BASE, 'one': ldap3.LEVEL, 'sub': ldap3.SUBTREE}[scope]
        asked = [name for name in dict.fromkeys(attributes) if name] or [ldap3.NO_ATTRIBUTES]

        def ask(connection: ldap3.Connection) -> list[Entry]:
            found: list[Entry] = []
            cookie: Any = None
            while True:
                _, result, response, _ = connection.search(
                    base, condition, where, attributes=asked, paged_size=self._options.page_size, paged_cookie=cookie
                )
                if result['result'] != codes.RESULT_NO_SUCH_OBJECT:
                    _check(result, base)
                found += [Entry(item['dn'], item['raw_attributes']) for item in response or () if item['type'] == 'searchResEntry']
                control = result.get('controls', {}).get('1.2.840.113556.1.4.319')
                cookie = control['value']['cookie'] if control else None
                if not cookie:
                    return found

        return self._with_connection(ask)

    def can_bind(self, dn: str, password: str) -> bool:
        """Whether the password is that of the entry. An empty one never is, though servers let it pass as anonymous."""
        if not dn or not _may_be_sent(password):
            return False
        with self._turn():
            connection = self._open(dn, password)
        if connection is None:
            return False
        _close(connection)
        return True

    def add(self, dn: str, classes: Sequence[str], attributes: Mapping[str, Any]) -> None:
        """Make an entry. Raises Conflict when there is one of this name, Forbidden."""
        self._with_connection(lambda connection: _check(connection.add(dn, list(classes), dict(attributes))[1], dn))

    def modify(self, dn: str, changes: Mapping[str, tuple[str, list[str]]]) -> None:
        """Change attributes: name -> (`add`, `delete` or `replace`, values). What is as wanted already is no error.

        Raises Conflict, Forbidden.
        """
        verbs = {'add': ldap3.MODIFY_ADD, 'delete': ldap3.MODIFY_DELETE, 'replace': ldap3.MODIFY_REPLACE}
        wanted = {name: [(verbs[verb], values)] for name, (verb, values) in changes.items()}

        def change(connection: ldap3.Connection) -> None:
            result = connection.modify(dn, wanted)[1]
            if result['result'] not in (codes.RESULT_ATTRIBUTE_OR_VALUE_EXISTS, codes.RESULT_NO_SUCH_ATTRIBUTE):
                _check(result, dn)

        self._with_connection(change)

    def rename(self, dn: str, new_rdn: str) -> None:
        """Give an entry another first name part. Raises Conflict, Forbidden."""
        self._with_connection(lambda connection: _check(connection.modify_dn(dn, new_rdn)[1], dn))

    def delete(self, dn: str) -> None:
        """Remove an entry; one that is gone already is no error. Raises Forbidden."""

        def remove(connection: ldap3.Connection) -> None:
            result = connection.delete(dn)[1]
            if result['result'] not in _GONE:
                _check(result, dn)

        self._with_connection(remove)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with contextlib.suppress(queue.Empty):
            while True:
                _close(self._idle.get_nowait())

    def _with_connection(self, work: Callable[[ldap3.Connection], T]) -> T:
        """Do something on a kept connection; if that was dead, once more on a new one."""
        with self._turn():
            return self._try_connections(work)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Around all that may wait for a server."""
        waits_alone = self._away
        if waits_alone and not self._asking.acquire(blocking=False):
            raise _Away(f'{self._options.url}: did not answer a moment ago')
        try:
            yield
        except _Away:
            self._away = True
            raise
        else:
            self._away = False
        finally:
            if waits_alone:
                self._asking.release()

    def _try_connections(self, work: Callable[[ldap3.Connection], T]) -> T:
        lost: Exception | None = None
        for connection in self._candidates():
            try:
                found = work(connection)
            except _LOST as error:
                _close(connection)
                lost = error
                continue
            except PileusError:
                self._keep(connection)
                raise
            except broken.LDAPExceptionError as error:
                _close(connection)
                raise Unavailable('The directory of users gave an answer of no use.', admin_detail=str(error)) from error
            self._keep(connection)
            return found
        raise _Away(f'{self._options.url}: {lost}') from lost

    def _candidates(self) -> Iterator[ldap3.Connection]:
        with contextlib.suppress(queue.Empty):
            yield self._idle.get_nowait()
        connection = self._open(self._options.user, self._options.password)
        if connection is None:
            raise Unavailable(
                'The directory of users cannot be searched.', admin_detail=f'{self._options.url} refuses the user and password of [ldap]'
            )
        yield connection

    def _keep(self, connection: ldap3.Connection) -> None:
        try:
            self._idle.put_nowait(connection)
        except queue.Full:
            _close(connection)

    def _open(self, user: str, password: str) -> ldap3.Connection | None:
        """A connection on which the user is known; None when the server refuses the password."""
        problem: Exception | None = None
        for url in self._urls:
            # A new one each time: it would remember for long that the server was away.
            server = ldap3.Server(url, connect_timeout=self._options.timeout, get_info=ldap3.NONE, tls=self._tls)
            connection = ldap3.Connection(
                server,
                user or None,
                password if user else None,
                authentication=ldap3.SIMPLE if user else ldap3.ANONYMOUS,
                client_strategy=ldap3.SAFE_SYNC,
                receive_timeout=self._options.timeout,
                raise_exceptions=False,
                auto_referrals=False,
                check_names=False,
            )
            try:
                connection.open(read_server_info=False)
                # A password goes over the line only once TLS is on, where it was asked for.
                if self._options.use_start_tls and not server.ssl and not connection.start_tls(read_server_info=False)[0]:
                    raise broken.LDAPStartTLSError('the server refuses StartTLS')
                result = connection.bind(read_server_info=False)[1]
            except broken.LDAPExceptionError as error:
                _close(connection)
                problem = error
                continue
            if result['result'] == codes.RESULT_SUCCESS:
                return connection
            _close(connection)
            if result['result'] in _WRONG:
                return None
            # It says nothing of the password: the server is busy, or asks for TLS, say.
            problem = broken.LDAPExceptionError(f'{result["description"]} {result["message"]}')
        raise _Away(f'{self._options.url}: {problem}')


def _may_be_sent(password: str) -> bool:
    """Whether a text can be a password at all: not an empty one, nor one with control characters (RFC 4013), which no server is asked about."""
    try:
        validate_simple_password(password)
    except broken.LDAPExceptionError:
        return False
    return True


def _close(connection: ldap3.Connection) -> None:
    # It may be dead already, which is as good.
    with contextlib.suppress(broken.LDAPExceptionError, OSError):
        connection.unbind()


def _check(result: Mapping[str, Any], dn: str) -> None:
    code = result['result']
    if code == codes.RESULT_SUCCESS:
        return
    detail = f'{dn}: {result["description"]} {result["message"]}'
    if code == codes.RESULT_ENTRY_ALREADY_EXISTS:
        raise Conflict('Conflict occurred: the directory has an entry of this name already.', admin_detail=detail)
    if code in _REFUSED:
        raise Forbidden('The directory of users does not allow it.', admin_detail=detail)
    raise Unavailable('The directory of users refused the request.', admin_detail=detail)
