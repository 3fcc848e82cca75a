"""Which methods there are."""

from __future__ import annotations

from identity.methods import Method, application_credential, oauth1, password, token, totp

METHODS: dict[str, Method] = {
    'application_credential': application_credential.prove,
    'oauth1': oauth1.prove,
    'password': password.prove,
    'token': token.prove,
    'totp': totp.prove,
}
