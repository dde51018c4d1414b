------------------------------- MODULE Contacts -------------------------------
(***************************************************************************)
(* The contacts of a loan: specs/protocol.md sections 3.3 and 7 (CVP-7-7   *)
(* to CVP-7-9), as verifier/service/confirmations, verifier/service/       *)
(* applications.py and verifier/service/customers implement them.          *)
(*                                                                         *)
(* There is one call, to one contact. The bank system adds contacts,       *)
(* changes their rights and removes them at any moment. Everybody may      *)
(* enter the right code, send the request again, and look in the app.      *)
(* Anything may happen between a request and the decision on it.           *)
(***************************************************************************)
EXTENDS Calls, TLC

\* A head of finance, a legal representative, a helper, and the rights that each may have.
People == {"finance", "legal", "helper"}
Every == {"called", "confirm", "details"}
Grants(person) ==
    CASE person = "finance" -> {{}, Every, {"called", "confirm"}, {"confirm", "details"}}
      [] person = "legal" -> {{}, Every, {"called"}}
      [] person = "helper" -> {{}, {"confirm"}}

VARIABLES
    rights,     \* DATABASE: by person, their rights; {} for somebody who is no contact
    row,        \* DATABASE: the call
    to,         \* DATABASE: the contact to whom the call goes
    receipts,   \* DATABASE: the genuine receipts of the call
    consumed,   \* how often the code was consumed
    asked,      \* the requests that wait for a decision, with what was read too early
    answer      \* the last answer, with the rights of the person at that moment, or {}

vars == <<rights, row, to, receipts, consumed, asked, answer>>

Init ==
    /\ rights = [person \in People |-> IF person = "finance" THEN {"called", "confirm"} ELSE {}]
    /\ row = NoCall /\ to = "nobody" /\ receipts = {} /\ consumed = 0
    /\ asked = {} /\ answer = {}

-----------------------------------------------------------------------------
(* The call, and the contacts.                                             *)

Issue(person) ==
    /\ row.state = "none"
    /\ IF Holds("L10 called") THEN "called" \in rights[person] ELSE rights[person] /= {}
    /\ row' = Issued /\ to' = person /\ answer' = {}
    /\ UNCHANGED <<rights, receipts, consumed, asked>>

Connect ==
    /\ row.state /= "none" /\ row' = FollowLeg(row, "connected", {}) /\ answer' = {}
    /\ UNCHANGED <<rights, to, receipts, consumed, asked>>

\* An open call to a contact who was removed, or must no longer be called, is revoked.
Change(person, granted) ==
    /\ rights' = [rights EXCEPT ![person] = granted] /\ answer' = {}
    /\ row' = IF Holds("L10 still called") /\ person = to /\ "called" \notin granted THEN Revoke(row) ELSE row
    /\ UNCHANGED <<to, receipts, consumed, asked>>

-----------------------------------------------------------------------------
(* Requests: the right code, or a look in the app.                         *)

\* The service reads rights and call when it decides, unless a rule is off.
Ask(person) ==
    /\ Cardinality(asked) < 2 /\ \A each \in asked : each.person /= person
    /\ asked' = asked \cup {[person |-> person,
                             rights |-> IF Holds("L12 at once") THEN {} ELSE rights[person],
                             used |-> ~Holds("L4 serial") /\ row.state = "confirmed"]}
    /\ answer' = {}
    /\ UNCHANGED <<rights, row, to, receipts, consumed>>

\* CVP-3.3-7: what a person with these rights may be told beside the verdict.
Details(has) == "details" \in has \/ ~Holds("L12 details")
ToldOfACode(person, has) ==
    {"officer"} \cup (IF person = to THEN {} ELSE {"whom"}) \cup (IF Details(has) THEN {"loan"} ELSE {})
ToldOnALook(person, has) ==
    IF has = {} THEN {}
    ELSE (IF Details(has) THEN {"loan"} ELSE {})
         \cup (IF to = person THEN {"own call"}
               ELSE IF to /= "nobody" /\ Details(has) THEN {"calls of others"} ELSE {})

Says(person, verdict, told, given) ==
    answer' = {[person |-> person, says |-> verdict, told |-> told, given |-> given, rights |-> rights[person]]}

\* CVP-3.3-4: a code is tried for contacts with `confirm` only.
MayConfirm(has) == IF Holds("L12 confirm") THEN "confirm" \in has ELSE has /= {}

\* CVP-7-8: the receipts that may be given again to this person.
Earlier(person) ==
    IF ~Holds("L4 own receipt") THEN {}
    ELSE IF Holds("L12 own receipt") THEN {each \in receipts : each.of = person} ELSE receipts

Genuine(person, has, used) ==
    LET told == ToldOfACode(person, has)
        new == [of |-> person, says |-> told, detailed |-> "details" \in rights[person],
                again |-> ~Holds("L4 own receipt") /\ \E each \in receipts : each.of = person]
    IN  IF Earlier(person) /= {}
        THEN /\ Says(person, "genuine", told, Earlier(person))
             /\ UNCHANGED <<row, receipts, consumed>>
        ELSE /\ Says(person, "genuine", told, {new})
             /\ receipts' = receipts \cup {new}
             \* The first contact consumes the code. The others only get a receipt.
             /\ consumed' = IF used THEN consumed ELSE consumed + 1
             /\ row' = IF used THEN row ELSE Confirm(row, {})

\* The rights are those at the decision, not those when the request came (CVP-3.3-6).
Decide(request) ==
    LET person == request.person
        has == IF Holds("L12 at once") THEN rights[person] ELSE request.rights
        used == IF Holds("L4 serial") THEN row.state = "confirmed" ELSE request.used
    IN  /\ IF MayConfirm(has) /\ ConfirmAllowed(row, "app") THEN Genuine(person, has, used)
           ELSE Says(person, "not_genuine", {}, {}) /\ UNCHANGED <<row, receipts, consumed>>
        /\ asked' = asked \ {request}
        /\ UNCHANGED <<rights, to>>

\* A request that waits changes neither of the next two answers. So they are looked at without one.
Look(person) ==
    /\ asked = {}
    /\ Says(person, "looked", ToldOnALook(person, rights[person]), {})
    /\ UNCHANGED <<rights, row, to, receipts, consumed, asked>>

\* Section 7.12: the kept answer to the same request. It tells nothing new.
Retry(person) ==
    /\ asked = {}
    /\ \E receipt \in receipts :
        /\ receipt.of = person
        /\ LET green == "confirm" \in rights[person] /\ row.state = "confirmed"
           IN  Says(person, IF green \/ ~Holds("L4 ended") THEN "genuine" ELSE "ended", {}, {receipt})
    /\ UNCHANGED <<rights, row, to, receipts, consumed, asked>>

Next ==
    \/ Connect
    \/ \E person \in People :
        \/ Issue(person) \/ Ask(person) \/ Look(person) \/ Retry(person)
        \/ \E granted \in Grants(person) : Change(person, granted)
    \/ \E request \in asked : Decide(request)

Spec == Init /\ [][Next]_vars
=============================================================================
