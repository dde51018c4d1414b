--------------------------- MODULE StatusPromises ----------------------------
(***************************************************************************)
(* The promises of Status, as invariants, and events that must be possible *)
(* in it. What the bank knows is what its exchange has said.               *)
(***************************************************************************)
EXTENDS Status

Answers == {"none", "expected", "ringing", "connected", "unknown"}

Shape ==
    /\ row \in Row
    /\ Answer \in Answers
    /\ exchange \in {"alive", "cut", "silent"}

-----------------------------------------------------------------------------
(* Promises.                                                               *)

Withdrawn == row.state = "revoked"
Known(event) == Mode = "required" /\ event \in said

\* L13: nobody is told that the bank does not call them while its call rings or goes on. One
\* case is beyond what the bank can know: the code has expired, and the event of the leg is late.
NeverDenied == Answer = "none" /\ phone \in {"rings", "up"} =>
    \/ Withdrawn \/ "call" \in passed
    \/ /\ ~IsOpen(Settle(row, passed)) /\ (Mode = "required" => exchange /= "silent")
       /\ ~Known(IF phone = "rings" THEN "ringing" ELSE "connected")

\* L13, L6: a silent exchange leaves everything unknown, an exchange that is heard leaves nothing.
NotKnownInSilence == Mode = "required" => (Answer = "unknown" <=> exchange = "silent")

\* L13: no more is said than the exchange has said, and nothing that it has taken back.
NothingUnproved ==
    /\ Answer = "connected" => Known("connected") /\ "ended" \notin said
    /\ Answer = "ringing" => Known("ringing") /\ said = {"ringing"}
    /\ Answer = "expected" => row.state /= "none" /\ ("lifetime" \notin passed \/ row.state = "confirmed")

\* L5: a leg that rings shows nobody the code.
NoCodeWhileItRings == Mode = "required" /\ RevealAllowed(Settle(row, passed)) =>
    "connected" \in said /\ "ended" \notin said

\* Section 6: the state of an open call is what its events say, in any order.
StateOfTheLeg == IsOpen(row) /\ row.state /= "confirmed" =>
    row.state = IF "connected" \in said THEN "live" ELSE IF said = {"ringing"} THEN "ringing" ELSE "issued"

-----------------------------------------------------------------------------
(* Possible events: TLC must find each of these violated.                  *)

NeverExpected == Answer /= "expected"
NeverRinging == Answer /= "ringing"
NeverConnected == Answer /= "connected"
NeverUnknownOnACall == ~(Answer = "unknown" /\ phone = "up")
NeverToldAfterTheCode == ~(Answer = "connected" /\ row.state = "expired")
NeverARingAfterTheCode == ~(Answer = "ringing" /\ row.state = "expired")
NeverAMissedCall == ~(phone = "missed" /\ said = {"ringing", "ended"} /\ Answer = "expected")
NeverARingHeardLast == ~(phone = "up" /\ said = {"connected"} /\ Answer = "connected")
NeverAnUnheardRing == ~(phone = "rings" /\ said = {} /\ Answer = "expected")
NeverExpectedOnTheLine == ~(Answer = "expected" /\ phone = "up" /\ "connected" \in said)
=============================================================================
