"""libpam, as far as checking a password needs it (pam_start(3), pam_conv(3))."""

from __future__ import annotations

import ctypes
from typing import Any

from common.errors import Unavailable

_SUCCESS, _BUFFER_ERROR, _CONVERSATION_ERROR = 0, 5, 19
_PROMPT_ECHO_OFF = 1
_MOST_MESSAGES = 32
# What says that it is the password or the account that is wrong, not PAM itself.
_REFUSALS = frozenset({6, 7, 10, 11, 12, 13})


class _Message(ctypes.Structure):
    _fields_ = [('style', ctypes.c_int), ('text', ctypes.c_char_p)]


class _Response(ctypes.Structure):
    _fields_ = [('text', ctypes.c_void_p), ('code', ctypes.c_int)]


_Conversation = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(_Message)), ctypes.POINTER(ctypes.POINTER(_Response)), ctypes.c_void_p
)


class _Conv(ctypes.Structure):
    _fields_ = [('ask', _Conversation), ('data', ctypes.c_void_p)]


class Pam:
    """The library. Raises Unavailable when this machine has none."""

    def __init__(self) -> None:
        try:
            self._pam: Any = ctypes.CDLL('libpam.so.0')
        except OSError as error:
            raise Unavailable('This machine has no PAM.', admin_detail=str(error)) from error
        self._libc: Any = ctypes.CDLL(None)
        self._libc.calloc.restype = ctypes.c_void_p
        self._libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        self._libc.strdup.restype = ctypes.c_void_p
        self._libc.strdup.argtypes = [ctypes.c_char_p]
        for name in ('pam_authenticate', 'pam_acct_mgmt', 'pam_end'):
            getattr(self._pam, name).argtypes = [ctypes.c_void_p, ctypes.c_int]

    def check(self, service: str, user: str, password: str, directory: str = '') -> bool:
        """Whether the service lets the user in with this password: right, and the account is neither locked nor expired.

        Blocks, for seconds where PAM delays failures; other threads run meanwhile.

        :param directory: holds the file of the service; empty: the system's
        :raises Unavailable: PAM itself cannot work, for example since the service has no file
        """
        if not password or '\0' in password or '\0' in user:
            return False
        conversation = _Conv(self._answer_with(password.encode()), None)
        handle = ctypes.c_void_p()
        if directory:
            code = self._pam.pam_start_confdir(
                service.encode(), user.encode(), ctypes.byref(conversation), directory.encode(), ctypes.byref(handle)
            )
        else:
            code = self._pam.pam_start(service.encode(), user.encode(), ctypes.byref(conversation), ctypes.byref(handle))
        if code != _SUCCESS:
            raise _broken(service, code)
        try:
            code = self._pam.pam_authenticate(handle, 0)
            if code == _SUCCESS:
                code = self._pam.pam_acct_mgmt(handle, 0)
        finally:
            self._pam.pam_end(handle, code)
        if code != _SUCCESS and code not in _REFUSALS:
            raise _broken(service, code)
        return bool(code == _SUCCESS)

    def _answer_with(self, password: bytes) -> Any:
        """A conversation that gives the password to every question that is not echoed, and nothing to others."""

        def ask(count: int, messages: Any, responses: Any, data: Any) -> int:
            if not 0 < count <= _MOST_MESSAGES:
                return _CONVERSATION_ERROR
            # libpam frees both the array and the texts.
            memory = self._libc.calloc(count, ctypes.sizeof(_Response))
            if not memory:
                return _BUFFER_ERROR
            answers = ctypes.cast(memory, ctypes.POINTER(_Response))
            for i in range(count):
                if messages[i].contents.style == _PROMPT_ECHO_OFF:
                    answers[i].text = self._libc.strdup(password)
            responses[0] = answers
            return _SUCCESS

        return _Conversation(ask)


def _broken(service: str, code: int) -> Unavailable:
    return Unavailable('Passwords cannot be checked here now.', admin_detail=f'PAM service {service!r} failed with code {code}')
