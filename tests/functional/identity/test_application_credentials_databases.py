"""Those tests of application credentials that rest on what a database does, on the other databases: joins, unique names, foreign keys."""

from __future__ import annotations

import pytest

from tests.databases import CHOSEN
from tests.functional.identity.test_application_credentials import (  # noqa: F401
    person,
    test_a_credential_logs_in_and_shows_its_secret_once,
    test_a_role_that_is_taken_takes_the_credentials_with_it_along,
    test_access_rules_are_kept_and_shared,
    test_names_are_unique_for_a_user,
    test_no_token_outlives_its_credential,
    test_what_a_credential_rests_on,
)

DATABASES = [kind for kind in CHOSEN if kind != 'sqlite']
if not DATABASES:
    pytest.skip('no database but SQLite is chosen (PILEUS_TEST_DATABASES)', allow_module_level=True)
