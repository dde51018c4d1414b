------------------------------ MODULE Delivery -------------------------------
(***************************************************************************)
(* One call, from issue to end, on machines that fail: retries under the   *)
(* same Idempotency-Key, several nodes on one database, crashes at any     *)
(* moment, lost answers, leg events late, repeated and out of order.       *)
(* specs/protocol.md sections 1, 3.2, 6, 7 and 10;                         *)
(* verifier/ledger/writer.py, verifier/service/calls.py and                *)
(* confirmations.py.                                                       *)
(*                                                                         *)
(* A command is decided in a transaction and then committed. If a crash    *)
(* comes before the commit, nothing has happened. If it comes after the    *)
(* commit, only the answer is lost. (An answer changes nothing until the   *)
(* client gets it, so in the model clients get it at the commit or never.) *)
(***************************************************************************)
EXTENDS Calls, TLC

CONSTANTS
    Nodes,
    Requests    \* the requests of this configuration: a subset of Known below

\* Their clients retry these under one key, any number of times and at any node: the dialler,
\* the customer's app (two requests), the IVR, the supervisor.
Keyed == {"issue", "app", "app again", "ivr", "revoke"} \cap Requests
\* Sent without a key (reveal), or under a new key each time (guesses).
Known == {"issue", "app", "app again", "ivr", "revoke", "reveal", "guess app", "guess ivr"}
ASSUME Requests \subseteq Known

Confirmations == {"app", "app again", "ivr"}
Guesses == {"guess app", "guess ivr"}
Green == {"genuine", "given_before"}
Channel(request) == IF request \in {"ivr", "guess ivr"} THEN "ivr" ELSE "app"

VARIABLES
    row,        \* DATABASE: the call
    log,        \* DATABASE: the leaves, by the kind of their statements
    kept,       \* DATABASE: the answer kept for each key, or "none"
    node,       \* each node: "up" without work, "down", or it has "decided" a command
    phone,      \* the real state of the leg: "idle", "up", "down"
    said,       \* every leg event reported to the service
    passed,     \* the bounds that the clock has passed
    told,       \* the answer that the client of each key got, except `ended`
    shown,      \* has the officer seen the code?
    consumed,   \* commits that consumed the code
    tries       \* on each channel, wrong codes tried while a right one would have been genuine

database == <<row, log, kept>>
world == <<phone, said, passed>>
ghosts == <<told, shown, consumed, tries>>
vars == <<row, log, kept, node, phone, said, passed, told, shown, consumed, tries>>

Up == [step |-> "up"]
Down == [step |-> "down"]

Init ==
    /\ row = NoCall
    /\ log = [ticket |-> FALSE, genuine |-> {}, negative |-> {}]
    /\ kept = [key \in Keyed |-> "none"]
    /\ node = [n \in Nodes |-> Up]
    /\ phone = "idle" /\ said = {} /\ passed = {}
    /\ told = [key \in Keyed |-> {}]
    /\ shown = FALSE /\ consumed = 0
    /\ tries = [channel \in Channels |-> 0]

-----------------------------------------------------------------------------
(* The decision of a command, given the row it reads.                      *)

\* Sections 4.2 and 5. If a leg is required, the answer has no code yet.
OnIssue(before) ==
    IF before.state /= "none" THEN [answer |-> "refused", after |-> before]
    ELSE [answer |-> IF Mode = "required" THEN "issued" ELSE "issued with code", after |-> Issued]

\* Section 7: `genuine`, the first receipt again, or the one refusal.
OnConfirm(before, channel) ==
    IF ~ConfirmAllowed(before, channel) THEN [answer |-> "not_genuine", after |-> before]
    ELSE IF before.state = "confirmed" THEN [answer |-> "given_before", after |-> before]
    ELSE [answer |-> "genuine", after |-> Confirm(before, passed)]

OnGuess(before, channel) == [answer |-> "not_genuine", after |-> CountWrong(before, channel)]
OnReveal(before) == [answer |-> IF RevealAllowed(before) THEN "code" ELSE "refused", after |-> before]
OnRevoke(before) ==
    IF IsOpen(before) \/ before.state = "revoked"
    THEN [answer |-> "revoked", after |-> Revoke(before)]
    ELSE [answer |-> "refused", after |-> before]

Outcome(request, before) ==
    CASE request = "issue" -> OnIssue(before)
      [] request \in Confirmations -> OnConfirm(before, Channel(request))
      [] request \in Guesses -> OnGuess(before, Channel(request))
      [] request = "reveal" -> OnReveal(before)
      [] request = "revoke" -> OnRevoke(before)

\* A customer can enter a code after the officer has seen it and read it out. The dialler's
\* other operations need the id of the call.
Asked(request) ==
    CASE request \in Confirmations -> shown
      [] request \in Guesses \cup {"issue"} -> TRUE
      [] request \in {"reveal", "revoke"} -> row.state /= "none"

-----------------------------------------------------------------------------
(* The writer (section 10).                                                *)

\* A batch begins by locking the log's head row, so the batches of all nodes run one by one.
HeadIsFree == Holds("L4 serial") => \A n \in Nodes : node[n].step /= "decided"

Decide(n, request) ==
    LET before == Looked(row, passed)
        replayed == request \in Keyed /\ Holds("L4 kept answer") /\ kept[request] /= "none"
        over == Holds("L4 ended") /\ ~IsOpen(before) /\ kept[request] \in Green
        outcome == IF replayed THEN [answer |-> IF over THEN "ended" ELSE kept[request], after |-> row]
                   ELSE Outcome(request, before)
    IN  /\ node[n].step = "up" /\ HeadIsFree /\ Asked(request)
        /\ node' = [node EXCEPT ![n] = [
               step |-> "decided", request |-> request, replayed |-> replayed, before |-> before,
               after |-> outcome.after, answer |-> outcome.answer, then |-> passed]]
        /\ UNCHANGED <<database, world, ghosts>>

Hear(work) ==
    /\ told' = IF work.request \in Keyed /\ work.answer \notin {"refused", "ended"}
               THEN [told EXCEPT ![work.request] = @ \cup {work.answer}] ELSE told
    /\ shown' = (shown \/ work.answer \in {"code", "issued with code"})

Unheard == UNCHANGED <<told, shown>>

\* Row, leaf and kept answer become durable together. Then the client gets the answer, or the node
\* (kill -9, a power cut) or the connection is lost, and the client retries here or elsewhere.
Commit(n, answered) ==
    LET work == node[n]
        fresh == ~work.replayed
        leaf(answer) == IF fresh /\ work.answer = answer THEN {work.request} ELSE {}
    IN  /\ work.step = "decided"
        /\ row' = IF fresh THEN work.after ELSE row
        /\ log' = [ticket |-> log.ticket \/ (fresh /\ work.answer \in {"issued", "issued with code"}),
                   genuine |-> log.genuine \cup leaf("genuine"),
                   negative |-> log.negative \cup leaf("not_genuine")]
        /\ kept' = IF work.request \in Keyed /\ fresh /\ work.answer /= "refused"
                   THEN [kept EXCEPT ![work.request] = work.answer] ELSE kept
        /\ consumed' = consumed + Cardinality(leaf("genuine"))
        /\ tries' = IF work.request \in Guesses /\ ConfirmAllowed(work.before, Channel(work.request))
                    THEN [tries EXCEPT ![Channel(work.request)] = @ + 1] ELSE tries
        /\ IF answered THEN Hear(work) ELSE Unheard
        /\ node' = [node EXCEPT ![n] = IF answered THEN Up ELSE Down]
        /\ UNCHANGED world

\* A crash before the commit: nothing has happened.
Crash(n) ==
    /\ node[n].step /= "down"
    /\ node' = [node EXCEPT ![n] = Down]
    /\ UNCHANGED <<database, world, ghosts>>

Restart(n) ==
    /\ node[n].step = "down"
    /\ node' = [node EXCEPT ![n] = Up]
    /\ UNCHANGED <<database, world, ghosts>>

\* Section 7.2: nothing can be made durable, and the client gets `unavailable`, which is no
\* verdict. Without L6 it gets the decision.
Fail(n) ==
    /\ node[n].step = "decided"
    /\ IF Holds("L6") THEN Unheard ELSE Hear(node[n])
    /\ node' = [node EXCEPT ![n] = Up]
    /\ UNCHANGED <<database, world, consumed, tries>>

\* Section 10 and law L3 forbid this: an answer before the commit.
TellEarly(n) ==
    /\ node[n].step = "decided"
    /\ ~Holds(IF node[n].request \in {"issue", "reveal"} THEN "L3" ELSE "durable")
    /\ Hear(node[n])
    /\ UNCHANGED <<database, world, node, consumed, tries>>

-----------------------------------------------------------------------------
(* The leg, the clock and the sweep. Each is one transaction. If it        *)
(* crashes before the commit, it has not happened yet.                     *)

Ring(from, to) ==
    /\ row.state /= "none" /\ phone = from /\ phone' = to
    /\ UNCHANGED <<database, node, said, passed, ghosts>>

\* Section 6: leg events come at least once and in any order.
LegEvent(event) ==
    /\ phone \in (IF event = "connected" THEN {"up", "down"} ELSE {"down"})
    /\ HeadIsFree
    /\ row' = FollowLeg(row, event, passed)
    /\ said' = said \cup {event}
    /\ UNCHANGED <<log, kept, node, phone, passed, ghosts>>

Pass(bound) ==
    /\ bound \notin passed
    /\ CASE bound = "lifetime" -> row.state /= "none"
         [] bound = "grace" -> phone = "down"
         [] bound = "call" -> phone /= "idle" /\ "lifetime" \in passed
    /\ passed' = passed \cup {bound}
    /\ UNCHANGED <<database, node, phone, said, ghosts>>

\* Section 6.3: the sweep runs at any moment, or never.
Sweep ==
    /\ HeadIsFree
    /\ row' = Settle(row, passed)
    /\ UNCHANGED <<log, kept, node, world, ghosts>>

Next ==
    \/ \E n \in Nodes :
        \/ \E request \in Requests : Decide(n, request)
        \/ Commit(n, TRUE) \/ Commit(n, FALSE) \/ Crash(n) \/ Restart(n) \/ Fail(n) \/ TellEarly(n)
    \/ Ring("idle", "up") \/ Ring("up", "down")
    \/ \E event \in {"connected", "ended"} : LegEvent(event)
    \/ \E bound \in Bounds : Pass(bound)
    \/ Sweep

Spec == Init /\ [][Next]_vars

\* Nodes are interchangeable.
Alike == Permutations(Nodes)
=============================================================================
