"""Those who guess passwords are slowed down: so many failures a minute with one name, so many from one address.

A name is what the client sent, known or not, so that the answer is the same whether the user exists. Whoever has lately
logged in from an address is counted apart there: strangers who guess cannot lock a user out of where they work. Names and
addresses are kept as digests, which is also what processes tell each other (`identity.guard_news`).
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import math
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from common import clock
from common.errors import TooManyRequests, Unauthorized
from identity.conf import BruteForceOptions

T = TypeVar('T')
_MINUTE = 60.0
TRUSTED_FOR = 86400.0
"""Seconds that an address is a user's own after a login."""
_TOLD_AGAIN = 3600.0
_CODE_WEIGHT = 4
_USER, _ADDRESS, _HOME = 'u', 'a', 'h'
# Methods whose secret can be guessed -> what names its owner, besides the user; the first of them names it alone.
_GUESSABLE = {
    'password': (),
    'totp': (),
    'application_credential': ('id', 'name'),
    'ec2credential': ('access',),
    'oauth1': ('oauth_token',),
}


class BruteForceGuard:
    """Counts failures in memory that is bounded: the names longest unused are forgotten first.

    `tell_failures` and `tell_home` are called with what other processes should learn; they must return at once.
    """

    def __init__(self, options: BruteForceOptions) -> None:
        self._options = options
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._trusted: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self.tell_failures: Callable[[Iterable[str]], None] = lambda keys: None
        self.tell_home: Callable[[Iterable[str]], None] = lambda keys: None

    def around(self, address: str | None, names: list[Hashable], attempt: Callable[[], T], weight: int = 1) -> T:
        """Make an attempt to log in, unless there were too many.

        :param names: for whom, as `names_in` gives them; an empty list: nothing here could be guessed
        :param weight: as how many failures with the name one counts: more, the fewer tries would do to guess the secret
        :raises TooManyRequests: with `Retry-After`; the attempt is not made, a right secret is refused too
        :raises Unauthorized: from the attempt, which is then counted
        """
        if not names:
            return attempt()
        keys = self._keys(address, names)
        wait = max((self._wait(key, limit) for key, limit in keys if limit), default=0.0)
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyRequests(f'There were too many failed logins. Try again in {seconds} s.', headers={'Retry-After': str(seconds)})
        try:
            found = attempt()
        except Unauthorized as error:
            # An answer with headers asks for a further method: what was shown so far was right.
            if not error.headers:
                seen = {key: weight if key.startswith(_USER) else 1 for key, limit in keys if limit}
                self._count(seen)
                self.tell_failures([key for key, times in seen.items() for _ in range(times)])
            raise
        self._succeeded(address, names, keys)
        return found

    def learn(self, failures: Mapping[str, int], homes: Iterable[str]) -> None:
        """Take in what another process has told. It is forgotten as what was seen here is."""
        self._count({key: count for key, count in failures.items() if isinstance(count, int) and count > 0 and self._limit(key)})
        with self._lock:
            self._trust(homes)

    @property
    def most_remembered(self) -> int:
        """How many names and addresses are kept."""
        return self._options.remembered

    def recall(self, homes: Mapping[str, float]) -> None:
        """Take in from where users had logged in before this process began: digest -> seconds that it counts yet."""
        with self._lock:
            for home, seconds in homes.items():
                self._trust([home], seconds)

    def _limit(self, key: str) -> int:
        return self._options.failures_per_address if key.startswith(_ADDRESS) else self._options.failures_per_user

    def _keys(self, address: str | None, names: list[Hashable]) -> list[tuple[str, int]]:
        """What is counted, and the limit of each."""
        now, address = clock.monotonic(), _place(address)
        keys: list[tuple[str, int]] = []
        with self._lock:
            for name in names:
                at_home = self._trusted.get(_digest(_HOME, name, address), 0.0) > now
                keys.append((_digest(_USER, name, address if at_home else None), self._options.failures_per_user))
        if address:
            keys.append((_digest(_ADDRESS, address), self._options.failures_per_address))
        return keys

    def _wait(self, key: str, limit: int) -> float:
        """Seconds until another attempt may be made."""
        with self._lock:
            found = self._failures.get(key)
        if found is None:
            return 0.0
        count, seen = found
        left = count - (clock.monotonic() - seen) * limit / _MINUTE
        return max(0.0, (left - (limit - 1)) * _MINUTE / limit)

    def _count(self, failures: Mapping[str, int]) -> None:
        now = clock.monotonic()
        with self._lock:
            for key, more in failures.items():
                limit = self._limit(key)
                count, seen = self._failures.pop(key, (0.0, now))
                self._failures[key] = (max(0.0, count - (now - seen) * limit / _MINUTE) + min(more, limit), now)
            while len(self._failures) > self._options.remembered:
                self._failures.popitem(last=False)

    def _succeeded(self, address: str | None, names: list[Hashable], keys: list[tuple[str, int]]) -> None:
        """The name starts anew. The address does not: one good login would wipe out guesses at other names."""
        address = _place(address)
        homes = [_digest(_HOME, name, address) for name in names] if address else []
        soon = clock.monotonic() + TRUSTED_FOR - _TOLD_AGAIN
        with self._lock:
            for key, _ in keys[: len(names)]:
                self._failures.pop(key, None)
            news = [home for home in homes if self._trusted.get(home, 0.0) < soon]
            self._trust(news)
        if news:
            self.tell_home(news)

    def _trust(self, homes: Iterable[str], seconds: float = TRUSTED_FOR) -> None:
        """Under the lock."""
        until = clock.monotonic() + seconds
        for home in homes:
            self._trusted.pop(home, None)
            self._trusted[home] = until
        while len(self._trusted) > self._options.remembered:
            self._trusted.popitem(last=False)


@functools.lru_cache(4096)
def _place(address: str | None) -> str | None:
    """What counts as one address: of IPv6 the network, of which whoever has one address has 2**64."""
    try:
        found = ipaddress.ip_address((address or '').partition('%')[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def _digest(kind: str, *parts: Any) -> str:
    return kind + hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def weight_of(identity: dict[str, Any]) -> int:
    """As how many failures a wrong secret of this request counts: codes have six digits."""
    return _CODE_WEIGHT if 'totp' in identity.get('methods', ()) else 1


def names_in(identity: dict[str, Any]) -> list[Hashable]:
    """Whom the secrets of a request (`auth.identity`) are for, each name once. Empty where no secret could be guessed."""
    names: dict[Hashable, None] = {}
    for method, of_its_own in _GUESSABLE.items():
        given = identity.get(method)
        if isinstance(given, dict) and method in identity.get('methods', ()):
            names[_name_in(given, of_its_own)] = None
    return list(names)


def _name_in(given: dict[str, Any], of_its_own: tuple[str, ...]) -> Hashable:
    """Whose secret was shown. What the method does not look at is not in it, else any nonsense beside would make a new name."""
    said = {key: _folded(given.get(key)) for key in of_its_own}
    user = given.get('user')
    if said.get('id') or not isinstance(user, dict):
        return (), tuple(said.items())[:1]
    return _plain(user), tuple(said.items())


def _plain(user: dict[str, Any]) -> Hashable:
    """A user reference in one form, whatever the case: directories and some databases do not tell cases apart."""
    if user.get('id'):
        return 'id', _folded(user['id'])
    domain = user.get('domain')
    reference = domain if isinstance(domain, dict) else {}
    return 'name', _folded(user.get('name')), _folded(reference.get('id') or reference.get('name'))


def _folded(text: Any) -> str:
    return ' '.join(unicodedata.normalize('NFKC', str(text or '')[:255]).casefold().split())
