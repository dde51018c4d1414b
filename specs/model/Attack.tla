------------------------------- MODULE Attack --------------------------------
(***************************************************************************)
(* Two customers of one bank, one of them a fraudster, and the calls on    *)
(* their applications: specs/protocol.md sections 2, 4.2, 5, 6.1 and 7,    *)
(* verifier/service/calls.py and confirmations.py.                         *)
(*                                                                         *)
(* Wang is an honest customer, Mallory the fraudster. Mallory can phone    *)
(* anybody and say anything. Mallory reads out any known code to Wang,     *)
(* with any reference. Mallory lures an officer into issuing a call,       *)
(* dialling any number, and reading the code to anybody on the line.       *)
(* Mallory calls in with any caller number, reads the whole database, and  *)
(* changes it once. Mallory does not have the bank's keys, Wang's login or *)
(* an officer's login.                                                     *)
(*                                                                         *)
(* A code is a term that cannot be made from other terms (symbolic         *)
(* cryptography). Without knowing it one can only guess, and every guess   *)
(* is wrong. The model counts how often Mallory may guess.                 *)
(*                                                                         *)
(* Commands are atomic here. Delivery shows that they are.                 *)
(***************************************************************************)
EXTENDS Calls, TLC

CONSTANTS
    Calls,      \* the calls that can be issued
    Powers,     \* what Mallory can do besides talking: a subset of those below
    Shared      \* Wang's number is on file for Mallory's application too

ASSUME Powers \subseteq {"guesses", "listens", "changes the database", "moves staff", "legs by number"}

Applications == {"w", "m"}
Numbers == {"nw", "nm"}
Officers == {"ann", "bob"}

Owner(application) == IF application = "w" THEN "wang" ELSE "mallory"
Assigned(application) == IF application = "w" THEN "ann" ELSE "bob"
OnFile(application) == IF application = "w" THEN {"nw"} ELSE IF Shared THEN {"nm", "nw"} ELSE {"nm"}

VARIABLES
    row,        \* DATABASE: the calls
    ticket,     \* DATABASE: their tickets
    pointer,    \* DATABASE: each application's open call, or "none"
    signed,     \* the tickets as the bank signed them
    phone,      \* each call's leg: the number and whether it is "up" or "down"
    passed,     \* the bounds the clock has passed, by call
    heard,      \* codes that Wang has heard from the bank
    known,      \* codes that Mallory knows
    tapped,     \* calls whose leg to Wang Mallory listens to, or has diverted
    given,      \* the genuine verdict of this step, with its circumstances, if any
    spent,      \* by call, how often its code was consumed
    owed,       \* wrong codes entered by the customer's own login, or from a number on file
    staff,      \* who is assigned to each application now, and who is suspended
    unfit,      \* calls that continued although their officer was no longer assigned
    disclosed,  \* calls on which the officer disclosed something because of a confirmation (L1)
    changed     \* has Mallory changed the database?

core == <<row, ticket, pointer, signed>>
lines == <<phone, passed>>
ghosts == <<spent, owed, disclosed, staff, unfit>>
vars == <<core, lines, heard, known, tapped, ghosts, given, changed>>

Blank == [application |-> "-", officer |-> "-", dest |-> "-"]
Idle == [to |-> "-", now |-> "idle"]
Junk == <<"junk", "junk", "-", "-">>

Init ==
    /\ row = [c \in Calls |-> NoCall]
    /\ ticket = [c \in Calls |-> Blank] /\ signed = ticket
    /\ pointer = [a \in Applications |-> "none"]
    /\ phone = [c \in Calls |-> Idle]
    /\ passed = [c \in Calls |-> {}]
    /\ heard = {} /\ known = {} /\ tapped = {}
    /\ given = {} /\ disclosed = {} /\ changed = FALSE
    /\ staff = [assigned |-> [a \in Applications |-> Assigned(a)], suspended |-> {}] /\ unfit = {}
    /\ spent = [c \in Calls |-> 0]
    /\ owed = [c \in Calls |-> [channel \in Channels |-> 0]]

\* Section 5, law L2: the code is a function of application key, call id and every byte of the ticket.
Code(application, c) ==
    IF Holds("L2 bound") THEN <<application, c, ticket[c].officer, ticket[c].dest>> ELSE <<"-", c, "-", "-">>

Now(c) == Looked(row[c], passed[c])
OnDest(c) == phone[c].to = ticket[c].dest

\* Is the officer of a call still the one assigned to its application?
Fit(c) == staff.assigned[signed[c].application] = signed[c].officer

\* Section 6.1: a leg event also checks the assignment again.
Follow(c, event) ==
    IF Holds("L10 still assigned") /\ ~Fit(c) THEN Revoke(Now(c)) ELSE FollowLeg(row[c], event, passed[c])
Went(c) == unfit' = IF ~Fit(c) /\ IsOpen(row'[c]) THEN unfit \cup {c} ELSE unfit

-----------------------------------------------------------------------------
(* The officer, honest and easily led.                                     *)

\* Section 4.2: the policy, and one open call for each application. A new call replaces the
\* officer's own open call if that was never connected. Any other open call stands.
Issue(c, officer, application, number) ==
    LET standing == pointer[application]
        before == IF standing = "none" THEN NoCall ELSE Now(standing)
        made == [application |-> application, officer |-> officer, dest |-> number]
        gives_way == signed[standing].officer = officer /\ before.state /= "confirmed" /\ ~Connected(before)
    IN  /\ row[c].state = "none"
        /\ Holds("L10 assigned") => officer = staff.assigned[application]
        /\ Holds("L10 suspended") => officer \notin staff.suspended
        /\ Holds("L10 number") => number \in OnFile(application)
        /\ IsOpen(before) => gives_way
        /\ row' = [each \in Calls |-> IF each = c THEN Issued
                                      ELSE IF each = standing THEN Revoke(before) ELSE row[each]]
        /\ ticket' = [ticket EXCEPT ![c] = made] /\ signed' = [signed EXCEPT ![c] = made]
        /\ pointer' = [pointer EXCEPT ![application] = c]
        /\ UNCHANGED <<lines, heard, known, tapped, ghosts, changed>>

\* The officer dials any number. A leg to another number than the ticket's changes nothing (section 6).
Dial(c, number) ==
    /\ row[c].state /= "none" /\ phone[c] = Idle
    /\ phone' = [phone EXCEPT ![c] = [to |-> number, now |-> "up"]]
    /\ row' = IF number = ticket[c].dest THEN [row EXCEPT ![c] = Follow(c, "connected")] ELSE row
    /\ IF number = ticket[c].dest THEN Went(c) ELSE UNCHANGED unfit
    /\ UNCHANGED <<ticket, pointer, signed, passed, heard, known, tapped, spent, owed, disclosed, staff, changed>>

HangUp(c) ==
    /\ phone[c].now = "up"
    /\ phone' = [phone EXCEPT ![c].now = "down"]
    /\ row' = IF OnDest(c) THEN [row EXCEPT ![c] = Follow(c, "ended")] ELSE row
    /\ IF OnDest(c) THEN Went(c) ELSE UNCHANGED unfit
    /\ UNCHANGED <<ticket, pointer, signed, passed, heard, known, tapped, spent, owed, disclosed, staff, changed>>

\* Section 6.1: another officer rings a number on file for their own customer, and the exchange
\* reports it by number, without the officer. It counts for the one call that waits for that
\* number, unless several officers are possible.
ToldByNumber(number, officer) ==
    LET waiting == {c \in Calls : IsOpen(Now(c)) /\ ticket[c].dest = number /\ row[c].leg = {}}
        meant == {staff.assigned[a] : a \in {each \in Applications : number \in OnFile(each)}}
    IN  /\ "legs by number" \in Powers /\ officer \in meant
        /\ Holds("L5 named") => meant = {officer}
        /\ \E c \in Calls :
            /\ waiting = {c} /\ signed[c].officer /= officer
            /\ row' = [row EXCEPT ![c] = Follow(c, "connected")]
        /\ UNCHANGED <<ticket, pointer, signed, lines, heard, known, tapped, ghosts, changed>>

\* The officer reads out the code on the screen to the person on the line: the leg, or, without a
\* leg, somebody who has rung in. A ticket that was changed at rest does not open (section 4.1).
ReadOut(c, tap) ==
    LET code == Code(signed[c].application, c)
        to_wang == phone[c] = [to |-> "nw", now |-> "up"]
    IN  /\ RevealAllowed(Now(c)) /\ ticket[c] = signed[c]
        /\ Holds("L10 still assigned") => Fit(c)
        /\ unfit' = IF Fit(c) THEN unfit ELSE unfit \cup {c}
        /\ tap => to_wang /\ "listens" \in Powers
        /\ heard' = IF to_wang THEN heard \cup {code} ELSE heard
        /\ known' = IF to_wang /\ ~tap THEN known ELSE known \cup {code}
        /\ tapped' = IF tap THEN tapped \cup {c} ELSE tapped
        /\ UNCHANGED <<core, lines, spent, owed, disclosed, staff, changed>>

\* Section 6.1: an officer who is no longer assigned gets no code, and the call is revoked.
AsksInVain(c) ==
    /\ Holds("L10 still assigned") /\ RevealAllowed(Now(c)) /\ ~Fit(c)
    /\ row' = [row EXCEPT ![c] = Revoke(Now(c))]
    /\ UNCHANGED <<ticket, pointer, signed, lines, heard, known, tapped, ghosts, changed>>

\* Law L1 forbids this: to act for the person on the line because a confirmation came.
Disclose(c) ==
    /\ ~Holds("L1") /\ row[c].state = "confirmed" /\ phone[c].now = "up"
    /\ disclosed' = disclosed \cup {c}
    /\ UNCHANGED <<core, lines, heard, known, tapped, spent, owed, staff, unfit, changed>>

-----------------------------------------------------------------------------
(* The bank, and the officers it no longer trusts.                         *)

\* The loan system registers the application again, without its officer.
Unassign(application) ==
    /\ "moves staff" \in Powers
    /\ staff' = [staff EXCEPT !.assigned[application] = "none"]
    /\ UNCHANGED <<core, lines, heard, known, tapped, spent, owed, disclosed, unfit, changed>>

\* Section 2: a suspension revokes the open calls of the officer.
Suspend(officer) ==
    LET theirs(c) == Holds("L10 suspended") /\ signed[c].officer = officer
    IN  /\ "moves staff" \in Powers
        /\ staff' = [staff EXCEPT !.suspended = @ \cup {officer}]
        /\ row' = [c \in Calls |-> IF theirs(c) THEN Revoke(Now(c)) ELSE row[c]]
        /\ UNCHANGED <<ticket, pointer, signed, lines, heard, known, tapped, spent, owed, disclosed, unfit, changed>>

-----------------------------------------------------------------------------
(* A code is entered (section 7). `as` is a login on the app, a calling    *)
(* number on the IVR.                                                      *)

\* Step 1, law L12: the customer's own applications, or those with the number on file. A reference selects one.
Candidates(channel, as, reference) ==
    LET own == {a \in Applications : IF channel = "app" THEN Owner(a) = as ELSE as \in OnFile(a)}
    IN  IF reference = "any" THEN own
        ELSE IF Holds("L12") THEN own \cap {reference} ELSE {reference}

\* Section 7.1, law L12: by telephone a call is genuine only to the number that was called.
Reaches(c, number) == Holds("L12 dialled") => ticket[c].dest = number

OpenCalls(applications) == {pointer[a] : a \in applications} \ {"none"}

Enter(to, voice, channel, as, reference, code) ==
    LET candidates == Candidates(channel, as, reference)
        right == {a \in candidates : pointer[a] /= "none" /\ code = Code(a, pointer[a])}
        allowed(c) == ConfirmAllowed(Now(c), channel) /\ (channel = "ivr" => Reaches(c, as))
        matched == {c \in OpenCalls(right) : allowed(c)}
        blamed == IF Holds("L7 foreign") \/ reference = "any" THEN candidates ELSE candidates \cup {reference}
        burnt == IF right = {} THEN OpenCalls(blamed) ELSE {}
        owing(c) == c \in OpenCalls(Candidates(channel, as, "any"))
        counted(c) == CountWrong(Now(c), channel)
    IN  /\ blamed /= {}
        /\ IF matched /= {} THEN
               \E c \in matched :
                   /\ row' = [row EXCEPT ![c] = Confirm(Now(c), passed[c])]
                   /\ spent' = IF Now(c).state = "confirmed" THEN spent ELSE [spent EXCEPT ![c] = @ + 1]
                   /\ given' = {[
                          call |-> c, to |-> to, voice |-> voice, says |-> ticket[c],
                          first |-> Now(c).state /= "confirmed", intime |-> passed[c] = {},
                          leg |-> IF phone[c].to = signed[c].dest THEN phone[c].now ELSE "none"]}
                   /\ owed' = owed
           ELSE
               /\ row' = [c \in Calls |-> IF c \in burnt THEN counted(c) ELSE row[c]]
               /\ owed' = [c \in Calls |->
                      IF c \in burnt /\ owing(c) /\ counted(c).wrong /= Now(c).wrong
                      THEN [owed[c] EXCEPT ![channel] = @ + 1] ELSE owed[c]]
               /\ given' = {} /\ spent' = spent
        /\ UNCHANGED <<ticket, pointer, signed, lines, heard, known, tapped, disclosed, staff, unfit, changed>>

Guess == IF "guesses" \in Powers THEN {Junk} ELSE {}

\* Wang enters a code that the bank or somebody else has read out on the phone, with no reference
\* or with the one that they named.
WangEnters ==
    \E voice \in {"bank", "mallory"}, reference \in {"any", "m"}, channel \in Channels :
        \E code \in (IF voice = "bank" THEN heard ELSE known \cup Guess) :
            Enter("wang", voice, channel, IF channel = "app" THEN "wang" ELSE "nw", reference, code)

MalloryEnters ==
    \E reference \in {"any", "w"}, code \in known \cup Guess :
        \/ Enter("mallory", "self", "app", "mallory", reference, code)
        \/ \E number \in Numbers \cup {"nx"} : Enter("mallory", "self", "ivr", number, reference, code)

-----------------------------------------------------------------------------
(* The clock, and Mallory in the database.                                 *)

Pass(c, bound) ==
    /\ IsOpen(row[c])
    /\ bound = "grace" => phone[c].now = "down"
    /\ passed' = [passed EXCEPT ![c] = @ \cup {bound}]
    /\ UNCHANGED <<core, phone, heard, known, tapped, ghosts, changed>>

\* The database has no codes to read (L2, section 5).
ReadsCodes(c) ==
    /\ ~Holds("L2 derived") /\ IsOpen(row[c])
    /\ known' = known \cup {Code(signed[c].application, c)}
    /\ UNCHANGED <<core, lines, heard, tapped, ghosts, changed>>

\* Mallory changes a ticket whose code has been read out. The seal of section 4.1 prevents that
\* too. Here a confirmation ignores the seal, so that only the code shows the change.
ChangesTicket(c, officer, number) ==
    /\ "changes the database" \in Powers /\ ~changed
    /\ \E code \in heard \cup known : code[2] = c
    /\ ticket' = [ticket EXCEPT ![c].officer = officer, ![c].dest = number]
    /\ changed' = TRUE
    /\ UNCHANGED <<row, pointer, signed, lines, heard, known, tapped, ghosts>>

\* Mallory makes another application's call the open call of this one.
ChangesPointer(application, c) ==
    /\ "changes the database" \in Powers /\ ~changed
    /\ row[c].state /= "none" /\ pointer[application] /= c
    /\ pointer' = [pointer EXCEPT ![application] = c]
    /\ changed' = TRUE
    /\ UNCHANGED <<row, ticket, signed, lines, heard, known, tapped, ghosts>>

Others ==
    \/ \E c \in Calls :
        \/ \E o \in Officers, a \in Applications, n \in Numbers : Issue(c, o, a, n)
        \/ \E n \in Numbers : Dial(c, n)
        \/ HangUp(c) \/ Disclose(c) \/ ReadsCodes(c)
        \/ \E tap \in BOOLEAN : ReadOut(c, tap)
        \/ \E bound \in {"lifetime", "grace"} : Pass(c, bound)
        \/ \E o \in Officers, n \in Numbers : ChangesTicket(c, o, n)
        \/ \E a \in Applications : ChangesPointer(a, c)
        \/ AsksInVain(c)
    \/ \E n \in Numbers, o \in Officers : ToldByNumber(n, o)
    \/ \E a \in Applications : Unassign(a)
    \/ \E o \in Officers : Suspend(o)

Next == (Others /\ given' = {}) \/ WangEnters \/ MalloryEnters

Spec == Init /\ [][Next]_vars

\* Calls are interchangeable.
Alike == Permutations(Calls)
=============================================================================
