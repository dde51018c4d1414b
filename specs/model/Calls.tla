-------------------------------- MODULE Calls --------------------------------
(***************************************************************************)
(* The life of a call as pure functions of its row: specs/protocol.md      *)
(* section 6, as verifier/core/call.py implements it.                      *)
(*                                                                         *)
(* There are no times. The model keeps which leg events the service has    *)
(* heard, and which time limits have passed:                               *)
(*                                                                         *)
(*     "lifetime"  ten minutes after issue                                 *)
(*     "grace"     two minutes after the leg ended                         *)
(*     "call"      two hours after the leg was connected                   *)
(*                                                                         *)
(* Each may pass whenever that is possible, so that every order and every  *)
(* distance of times is covered.                                           *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS
    Off,        \* the rules that are switched off; {} is the protocol itself
    Mode,       \* leg_mode: "required", or "off" (section 6.1)
    MaxWrong    \* wrong codes for each call and channel (section 6.2)

Holds(rule) == rule \notin Off

Rules == {
    "L1",               \* a confirmation grants nothing (section 2)
    "L2 bound",         \* the code is a function of ticket, key and call (5)
    "L2 derived",       \* the code is not stored (5)
    "L3",               \* durable before it is shown (1, 10)
    "L4 serial",        \* batches of all nodes run one after another (10)
    "L4 spent",         \* a used code ends with its call (6, 6.1)
    "L4 same receipt",  \* while the call lives, the first receipt again (7)
    "L4 own receipt",   \* each contact gets their first receipt again (7)
    "L4 kept answer",   \* one key, one answer (3.2, 10)
    "L4 ended",         \* a kept genuine answer is `ended` once the call is over (3.2)
    "L5 reveal",        \* the officer sees it only on a connected leg (6.1)
    "L5 confirm",       \* genuine only with a leg that was connected (6.1)
    "L5 facts",         \* leg events in any order come out right (6)
    "L5 named",         \* a leg by number counts only if one officer is possible (6.1)
    "L6",               \* without durability there is no verdict (7.2)
    "L7 foreign",       \* a look-up of another customer uses no attempt (7)
    "L6 look again",    \* the second look at a code decides from the start (7.13)
    "L7 budgets",       \* each channel has wrong codes of its own (6.2)
    "L7 past calls",    \* only its owner hears of a past call (7.13)
    "L10 assigned",     \* the officer is assigned (4.2)
    "L10 number",       \* the number dialled is on file (4.2)
    "L10 still assigned",   \* checked again at each reveal and leg event (6.1)
    "L10 suspended",    \* suspended staff have no open call and get none (2)
    "L10 called",       \* a call goes to a contact who may be called (3.3)
    "L10 still called", \* if they may be called no more, it is revoked (3.3)
    "L12",              \* a code is compared with one customer's calls (7)
    "L12 dialled",      \* by telephone, a call to the calling number (7.1)
    "L12 confirm",      \* genuine only for a contact with that right (3.3)
    "L12 at once",      \* the rights at the decision count (3.3)
    "L12 own receipt",  \* a receipt belongs to the person who asked (7)
    "L12 details",      \* loan and calls of others only with that right (3.3)
    "L13 vouched",      \* the bank stands by a past call, or says nothing of it (7.13)
    "L14 asked once",   \* impossible digits are asked for again once (7.16)
    "L14 retry",        \* a retry is no second entry (7.16)
    "L13 expected",     \* an open call without a leg is told as expected (6.6)
    "L13 proved",       \* only a leg that is required proves more than `expected` (6.6)
    "L13 closed",       \* the leg of a closed call is followed (6)
    "L13 silence",      \* a silent exchange leaves everything unknown (6.6)
    "L16 rows",         \* a row whose authenticator does not verify is refused (10)
    "L16 ticket",       \* facts of a call come from its signed ticket (10)
    "L16 exception",    \* an exception is read from its logged statement (4.2)
    "L16 found",        \* index results are checked against sealed facts (10)
    "L16 sum",          \* the head keeps the sum of all authenticators (8.3)
    "L16 fresh",        \* a changed row is never the same as before (8.3)
    "guess bound",      \* wrong codes are limited (6.2)
    "settle first",     \* decisions do not depend on the sweep (6.3)
    "durable"}          \* no answer before the commit (10)

ASSUME Off \subseteq Rules
ASSUME Mode \in {"required", "off"}
ASSUME MaxWrong \in Nat \ {0}

Channels == {"app", "ivr"}
Budget(channel) == IF Holds("L7 budgets") THEN channel ELSE "app"
Bounds == {"lifetime", "grace", "call"}

Row == [state : {"none", "issued", "ringing", "live", "confirmed", "ended", "expired", "revoked", "locked"},
        leg   : SUBSET {"ringing", "connected", "ended"},   \* what the PBX has said
        wrong : [Channels -> 0 .. MaxWrong]]

NoCall == [state |-> "none", leg |-> {}, wrong |-> [channel \in Channels |-> 0]]
Issued == [NoCall EXCEPT !.state = "issued"]

IsOpen(row) == row.state \in {"issued", "ringing", "live", "confirmed"}
WasConnected(row) == "connected" \in row.leg
Connected(row) == WasConnected(row) /\ "ended" \notin row.leg
Rings(row) == row.leg = {"ringing"}
\* An end that is heard before the connection has no effect yet.
HungUp(row) == WasConnected(row) /\ "ended" \in row.leg

Closed(row, state) == [row EXCEPT !.state = state]

\* The call after all changes that are due by time alone. `passed` has the time limits that
\* have passed (sections 6 and 6.3).
Settle(row, passed) ==
    IF ~IsOpen(row) THEN row
    ELSE IF row.state = "confirmed" THEN
        IF (HungUp(row) /\ Holds("L4 spent")) \/ (IF WasConnected(row) THEN "call" ELSE "lifetime") \in passed
        THEN Closed(row, "ended") ELSE row
    ELSE IF HungUp(row) /\ "grace" \in passed THEN Closed(row, "ended")
    ELSE IF "lifetime" \in passed THEN Closed(row, "expired")
    ELSE row

\* The row that a decision reads, settled first.
Looked(row, passed) == IF Holds("settle first") THEN Settle(row, passed) ELSE row

\* Law L5, section 6.1: may the officer see the code? A used code is not read out again.
RevealAllowed(row) ==
    /\ IsOpen(row) /\ row.state /= "confirmed"
    /\ Mode = "required" /\ Holds("L5 reveal") => Connected(row)

\* Sections 6.1 and 7 step 3: may a right code be answered with `genuine`?
ConfirmAllowed(row, channel) ==
    /\ IsOpen(row)
    /\ Holds("guess bound") => row.wrong[Budget(channel)] < MaxWrong
    /\ Mode = "required" /\ Holds("L5 confirm") => WasConnected(row)
    /\ row.state = "confirmed" => Holds("L4 same receipt")

Confirm(row, passed) == Settle(Closed(row, "confirmed"), passed)

\* Section 7 step 4: a wrong code is counted until the limit is reached.
CountWrong(row, channel) ==
    LET counted == [row EXCEPT !.wrong[Budget(channel)] = @ + 1]
        spent == {each \in Channels : counted.wrong[Budget(each)] >= MaxWrong}
    IN  IF ~IsOpen(row) \/ row.wrong[Budget(channel)] >= MaxWrong THEN row
        ELSE IF counted.state /= "confirmed" /\ spent = Channels /\ Holds("guess bound")
        THEN Closed(counted, "locked") ELSE counted

\* Section 6: events come at least once and in any order. The events heard so far decide, not
\* their order. A closed call keeps its state.
FollowLeg(row, event, passed) ==
    LET heard == IF Holds("L5 facts") THEN row.leg \cup {event}
                 ELSE IF event = "ended" THEN {"connected", "ended"} ELSE {event}
        settled == Settle(row, passed)
        followed == [settled EXCEPT !.leg = heard]
    IN  IF ~IsOpen(settled) THEN IF Holds("L13 closed") THEN followed ELSE settled
        ELSE IF settled.state = "confirmed" THEN Settle(followed, passed)
        ELSE Settle([followed EXCEPT !.state =
            IF WasConnected(followed) THEN "live" ELSE IF Rings(followed) THEN "ringing" ELSE "issued"], passed)

\* Section 6.6: what the customer is told without a code (law L13). `passed` also has "ring" once
\* three minutes have passed since the leg began to ring.
Told(row, passed, silent) ==
    LET now == Settle(row, passed)
        proves == Mode = "required" \/ ~Holds("L13 proved")
        goes_on == IF Mode = "required" THEN Connected(now) ELSE IsOpen(now) /\ ~HungUp(now)
    IN  IF silent /\ Mode = "required" /\ Holds("L13 silence") THEN "unknown"
        ELSE IF now.state \in {"none", "revoked"} THEN "none"
        ELSE IF proves /\ goes_on /\ "call" \notin passed THEN "connected"
        ELSE IF proves /\ Rings(now) /\ "ring" \notin passed THEN "ringing"
        ELSE IF IsOpen(now) /\ Holds("L13 expected") THEN "expected"
        ELSE "none"

Revoke(row) == IF IsOpen(row) THEN Closed(row, "revoked") ELSE row
=============================================================================
