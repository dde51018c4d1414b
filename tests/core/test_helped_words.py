"""What a helper reads about calls to the person they help."""

from __future__ import annotations

from typing import get_args

import pytest

from verifier.core.application import Officer
from verifier.core.helped_words import helped_status
from verifier.core.messages.customers import StatusState
from verifier.core.purposes import PURPOSES
from verifier.core.words import LANGUAGES

OFFICER = Officer("4412", "李明", "海淀支行")


@pytest.mark.shows("CVP-7.18-6")
@pytest.mark.parametrize("state", get_args(StatusState))
def test_the_text_names_the_officer_of_a_call_and_never_what_it_is_about(state: StatusState) -> None:
    on_its_way = state not in ("none", "unknown")
    for language in LANGUAGES:
        said = helped_status(language, state, OFFICER if on_its_way else None)
        assert all(each in said for each in (OFFICER.id, OFFICER.name, OFFICER.branch)) == on_its_way
        assert not any(each[language] in said for each in PURPOSES.values())
        assert "{" not in said
