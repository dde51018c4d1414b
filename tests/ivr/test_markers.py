"""The ear of the test telephones: what it takes for a prompt, for speech and for nothing."""

from __future__ import annotations

import random
from array import array

from tests.ivr.markers import WINDOW, Markers
from tests.ivr.rtp import tone

SILENCE = array("h", bytes(2 * WINDOW))
GREETING = tone(Markers.FREQUENCIES["greeting"], 0.5)


def heard(*parts: array[int]) -> list[str]:
    whole: array[int] = array("h")
    for each in parts:
        whole += each
    return Markers.runs(Markers.names(whole))


def test_a_tone_that_begins_and_ends_within_a_window_is_one_prompt_and_no_speech() -> None:
    tail = tone(Markers.FREQUENCIES["connecting"], 0.12)
    for shift in range(0, WINDOW, 40):
        assert heard(SILENCE[:shift], GREETING, SILENCE) == ["greeting"], shift
        after_another = heard(tail, SILENCE[:shift], GREETING, SILENCE)
        assert after_another in (["greeting"], ["connecting", "greeting"]), shift


def test_two_edges_of_tones_are_no_speech() -> None:
    """The end of one call's last prompt, a tenth of silence, and the beginning of the next call's first."""
    tail = tone(Markers.FREQUENCIES["connecting"], 0.12)
    assert heard(tail, SILENCE[:640], SILENCE, SILENCE[:400], GREETING, SILENCE) == ["greeting"]


def test_a_tone_that_breaks_off_as_it_begins_is_no_speech() -> None:
    began = GREETING[:240]
    assert heard(SILENCE[:560], began, SILENCE[:300], GREETING, SILENCE) == ["greeting"]


def test_a_lost_packet_does_not_make_two_prompts_of_one() -> None:
    for at in range(WINDOW, len(GREETING) - WINDOW, 160):
        torn = GREETING[:at] + SILENCE[:160] + GREETING[at + 160 :]
        assert heard(SILENCE, torn, SILENCE) == ["greeting"], at


def test_a_prompt_that_is_said_again_is_heard_twice() -> None:
    assert heard(GREETING, SILENCE, SILENCE, SILENCE, GREETING) == ["greeting", "greeting"]


def test_what_is_no_tone_is_speech_also_before_a_prompt() -> None:
    rng = random.Random(7)
    noise = array("h", (rng.randint(-6000, 6000) for _ in range(3 * WINDOW)))
    assert heard(noise, GREETING, SILENCE) == ["speech", "greeting"]
