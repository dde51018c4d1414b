------------------------------- MODULE Status --------------------------------
(***************************************************************************)
(* What a customer is told who asks, without a code, whether the bank is   *)
(* calling them: law L13, specs/protocol.md sections 6.6 and 7.5;          *)
(* verifier/core/call.py and verifier/service/customers/me.py.             *)
(*                                                                         *)
(* One call and its leg, which rings before somebody answers. Each event   *)
(* of the leg reaches the service at once, late, repeatedly, or never, and *)
(* in any order. The telephone exchange can fall silent at any moment; the *)
(* service knows once the silence time has passed.                         *)
(***************************************************************************)
EXTENDS Calls, TLC

VARIABLES
    row,        \* DATABASE: the call
    phone,      \* the real state of the leg: "idle", "rings", "up", "down", "missed"
    said,       \* every leg event reported to the service
    exchange,   \* "alive", "cut" (the service cannot know yet), "silent" (it knows)
    passed      \* the bounds that the clock has passed

vars == <<row, phone, said, exchange, passed>>

Init ==
    /\ row = NoCall
    /\ phone = "idle" /\ said = {} /\ exchange = "alive" /\ passed = {}

\* The answer to a customer who asks now.
Answer == Told(row, passed, exchange = "silent")

Change(to) ==
    /\ row' = to
    /\ UNCHANGED <<phone, said, exchange, passed>>

Issue == row.state = "none" /\ Change(Issued)
ConfirmCode == RevealAllowed(Settle(row, passed)) /\ ConfirmAllowed(row, "app") /\ Change(Confirm(row, passed))
Withdraw == row.state /= "none" /\ Change(Revoke(row))
Sweep == Change(Settle(row, passed))

\* The officer may dial after the code has expired. Not everybody answers.
Turn(from, to) ==
    /\ row.state /= "none" /\ phone = from /\ phone' = to
    /\ UNCHANGED <<row, said, exchange, passed>>

Happened(event) ==
    CASE event = "ringing" -> phone /= "idle"
      [] event = "connected" -> phone \in {"up", "down"}
      [] event = "ended" -> phone \in {"down", "missed"}

LegEvent(event) ==
    /\ exchange = "alive" /\ Happened(event)
    /\ row' = FollowLeg(row, event, passed)
    /\ said' = said \cup {event}
    /\ UNCHANGED <<phone, exchange, passed>>

Exchange(from, to) ==
    /\ exchange = from /\ exchange' = to
    /\ UNCHANGED <<row, phone, said, passed>>

Pass(bound) ==
    /\ bound \notin passed
    /\ CASE bound = "lifetime" -> row.state /= "none"
         [] bound = "ring" -> phone \in {"up", "down", "missed"}
         [] bound = "grace" -> phone = "down"
         [] bound = "call" -> phone \in {"up", "down"} /\ "lifetime" \in passed
    /\ passed' = passed \cup {bound}
    /\ UNCHANGED <<row, phone, said, exchange>>

Next ==
    \/ Issue \/ ConfirmCode \/ Withdraw \/ Sweep
    \/ Turn("idle", "rings") \/ Turn("rings", "up") \/ Turn("up", "down") \/ Turn("rings", "missed")
    \/ \E event \in {"ringing", "connected", "ended"} : LegEvent(event)
    \/ Exchange("alive", "cut") \/ Exchange("cut", "silent")
    \/ Exchange("cut", "alive") \/ Exchange("silent", "alive")
    \/ \E bound \in Bounds \cup {"ring"} : Pass(bound)

Spec == Init /\ [][Next]_vars
=============================================================================
