--------------------------------- MODULE Past ---------------------------------
(***************************************************************************)
(* A code that is entered after its call, and digits that can be no code:  *)
(* specs/protocol.md sections 7.13 and 7.16, as                            *)
(* verifier/service/confirmations implements them.                         *)
(*                                                                         *)
(* There is one call to Wang. Somebody enters its right code, in the app   *)
(* or by telephone. They need not have heard it: a lucky guess counts too. *)
(* A code is decided in two looks. The first writes nothing unless the     *)
(* code is genuine. Anything may happen before the second.                 *)
(*                                                                         *)
(* Apart from that, one person enters digits with a wrong check digit, in  *)
(* requests that may be sent again.                                        *)
(***************************************************************************)
EXTENDS Calls, TLC

CONSTANTS Requests      \* the requests with impossible digits

\* Wang by login, from the number that was called, from another number of theirs; and Mallory.
People == {"wang", "called", "home", "mallory"}
Owns(person) == person = "wang" \/ person = "called"
Channel(person) == IF person \in {"wang", "mallory"} THEN "app" ELSE "ivr"

VARIABLES
    row,        \* the call
    passed,     \* the time limits that have passed
    told,       \* has the officer seen the code?
    cut,        \* is the officer suspended, or no longer assigned?
    looked,     \* the person who waits for the second look, with the row of the first, or {}
    answer,     \* the last verdict on the right code, with the circumstances, or {}
    recorded,   \* the requests with impossible digits that were recorded without a verdict
    answers     \* by request, all answers that it has got

vars == <<row, passed, told, cut, looked, answer, recorded, answers>>
call == <<row, passed, told, cut>>
invented == <<recorded, answers>>

Init ==
    /\ row = NoCall /\ passed = {} /\ told = FALSE /\ cut = FALSE
    /\ looked = {} /\ answer = {}
    /\ recorded = {} /\ answers = [request \in Requests |-> {}]

Now == Looked(row, passed)

-----------------------------------------------------------------------------
(* The call.                                                               *)

Issue ==
    /\ row.state = "none" /\ row' = Issued
    /\ UNCHANGED <<passed, told, cut, looked, invented>>
    /\ answer' = {}

Leg(event) ==
    /\ row.state /= "none" /\ event = "ended" => WasConnected(row)
    /\ row' = FollowLeg(row, event, passed)
    /\ UNCHANGED <<passed, told, cut, looked, invented>>
    /\ answer' = {}

Reveal ==
    /\ RevealAllowed(Now) /\ ~cut /\ told' = TRUE
    /\ UNCHANGED <<row, passed, cut, looked, invented>>
    /\ answer' = {}

Withdraw ==
    /\ row.state /= "none" /\ row' = Revoke(Now)
    /\ UNCHANGED <<passed, told, cut, looked, invented>>
    /\ answer' = {}

\* A suspension revokes an open call. A closed one stays as it is, and is not vouched for.
CutOff ==
    /\ row.state /= "none" /\ cut' = TRUE /\ row' = Revoke(Now)
    /\ UNCHANGED <<passed, told, looked, invented>>
    /\ answer' = {}

Pass(bound) ==
    /\ row.state /= "none" /\ passed' = passed \cup {bound}
    /\ bound = "grace" => HungUp(row)
    /\ UNCHANGED <<row, told, cut, looked, invented>>
    /\ answer' = {}

Wrong(channel) ==
    /\ IsOpen(row) /\ row' = CountWrong(Now, channel)
    /\ UNCHANGED <<passed, told, cut, looked, invented>>
    /\ answer' = {}

-----------------------------------------------------------------------------
(* The right code.                                                         *)

\* Section 7.13: the bank vouches for the call. It was not withdrawn or locked, its officer has
\* seen the code, and is still trusted.
Vouched(found) ==
    IF Holds("L13 vouched")
    THEN /\ found.state \in {"ended", "expired"} /\ told /\ ~cut
         /\ Mode = "required" => WasConnected(found)
    ELSE found.state \notin {"none", "issued", "live", "confirmed"}

Genuine(person, found) == Owns(person) /\ ConfirmAllowed(found, Channel(person))
Past(person, found) == (Holds("L7 past calls") => Owns(person)) /\ Vouched(found)

Answer(person, verdict, found) ==
    answer' = {[person |-> person, says |-> verdict, row |-> Settle(row, passed), told |-> told, cut |-> cut]}

FirstLook(person) ==
    /\ row.state /= "none" /\ looked = {}
    /\ IF Genuine(person, Now)
       THEN /\ Answer(person, "genuine", Now) /\ row' = Confirm(Now, passed) /\ UNCHANGED looked
       ELSE /\ looked' = {[person |-> person, row |-> Now]} /\ answer' = {} /\ UNCHANGED row
    /\ UNCHANGED <<passed, told, cut, invented>>

\* The second look decides from the start, with the rows as they are then.
SecondLook ==
    \E first \in looked :
        LET found == IF Holds("L6 look again") THEN Now ELSE first.row
            person == first.person
        IN  /\ IF Genuine(person, found)
               THEN Answer(person, "genuine", found) /\ row' = Confirm(Now, passed)
               ELSE /\ Answer(person, IF Past(person, found) THEN "ended" ELSE "not_genuine", found)
                    /\ UNCHANGED row
            /\ looked' = {}
            /\ UNCHANGED <<passed, told, cut, invented>>

-----------------------------------------------------------------------------
(* Impossible digits (section 7.16). A kept answer is given again.         *)

Says(request) ==
    IF "verdict" \in answers[request] THEN "verdict"
    ELSE IF request \in recorded /\ Holds("L14 retry") THEN "asked again"
    ELSE IF recorded = {} \/ ~Holds("L14 asked once") THEN "asked again" ELSE "verdict"

Invent(request) ==
    /\ answers' = [answers EXCEPT ![request] = @ \cup {Says(request)}]
    /\ recorded' = IF Says(request) = "asked again" THEN recorded \cup {request} ELSE recorded
    /\ UNCHANGED <<call, looked, answer>>

Next ==
    \/ Issue \/ Reveal \/ Withdraw \/ CutOff
    \/ \E event \in {"connected", "ended"} : Leg(event)
    \/ \E bound \in Bounds : Pass(bound)
    \/ \E channel \in Channels : Wrong(channel)
    \/ \E person \in People : FirstLook(person)
    \/ SecondLook

Spec == Init /\ [][Next]_vars

InventedSpec == Init /\ [][\E request \in Requests : Invent(request)]_vars
=============================================================================
