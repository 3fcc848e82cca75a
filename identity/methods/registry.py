"""Which methods there are."""

from __future__ import annotations

from identity.methods import Method, password, token

METHODS: dict[str, Method] = {
    'password': password.prove,
    'token': token.prove,
}
