"""How the test telephones recognize prompts, speech and silence."""

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


def test_a_tone_at_any_offset_is_one_prompt_and_no_speech() -> None:
    tail = tone(Markers.FREQUENCIES["connecting"], 0.12)
    for shift in range(0, WINDOW, 40):
        assert heard(SILENCE[:shift], GREETING, SILENCE) == ["greeting"], shift
        after_another = heard(tail, SILENCE[:shift], GREETING, SILENCE)
        assert after_another in (["greeting"], ["connecting", "greeting"]), shift


def test_the_edges_of_two_tones_are_no_speech() -> None:
    """The end of one call's last prompt, a tenth of a second of silence, and the start of the next call's first."""
    tail = tone(Markers.FREQUENCIES["connecting"], 0.12)
    assert heard(tail, SILENCE[:640], SILENCE, SILENCE[:400], GREETING, SILENCE) == ["greeting"]


def test_a_tone_cut_at_its_start_is_no_speech() -> None:
    began = GREETING[:240]
    assert heard(SILENCE[:560], began, SILENCE[:300], GREETING, SILENCE) == ["greeting"]


def test_a_lost_packet_does_not_split_a_prompt() -> None:
    for at in range(WINDOW, len(GREETING) - WINDOW, 160):
        torn = GREETING[:at] + SILENCE[:160] + GREETING[at + 160 :]
        assert heard(SILENCE, torn, SILENCE) == ["greeting"], at


def test_late_sound_neither_splits_a_prompt_nor_is_speech() -> None:
    half = len(GREETING) // 2
    late = SILENCE[: WINDOW // 2] + GREETING[: WINDOW // 2] + SILENCE
    assert heard(SILENCE, GREETING[:half], late, GREETING[half:], SILENCE) == ["greeting"]


def test_a_repeated_prompt_is_heard_twice() -> None:
    assert heard(GREETING, *5 * [SILENCE], GREETING) == ["greeting", "greeting"]


def test_sound_without_a_tone_is_speech() -> None:
    rng = random.Random(7)
    noise = array("h", (rng.randint(-6000, 6000) for _ in range(5 * WINDOW)))
    assert heard(noise, GREETING, SILENCE) == ["speech", "greeting"]
