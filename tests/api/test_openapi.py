"""The committed description matches the code, and is valid OpenAPI 3.1."""

from __future__ import annotations

import pytest

from tests.described import COMMITTED, DESCRIPTION
from verifier.api.openapi import text


@pytest.mark.shows("CVP-3-1")
def test_the_committed_description_matches_the_code() -> None:
    assert COMMITTED.read_text() == text(), "run: verifier openapi > specs/openapi.yaml"


@pytest.mark.slow
def test_the_description_is_valid_openapi() -> None:
    # The import compiles grammars and takes seconds.
    from openapi_spec_validator import validate

    validate(DESCRIPTION)
