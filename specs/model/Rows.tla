-------------------------------- MODULE Rows ---------------------------------
(***************************************************************************)
(* An attacker who writes to the database and does not have the key ring:  *)
(* specs/protocol.md sections 4.1, 4.2, 8.3 and 10, law L16.               *)
(*                                                                         *)
(* Ann may phone Wang on Wang's application, and with an exception also    *)
(* outside the hours. At some time the bank takes Ann off, or Wang refuses *)
(* calls. Bob phones Mallory on Mallory's application and reveals the      *)
(* code. Bob and Mallory work together, and one of them writes rows.       *)
(* "They" below means these two.                                           *)
(*                                                                         *)
(* A row that decides is `is`, its columns, and `mac`, the value that its  *)
(* authenticator covers: row and columns. `by` is the number of the batch  *)
(* that changed the row. It stands for everything in a row that never      *)
(* repeats: counters, ids and instants. They cannot make an authenticator. *)
(* They can keep a whole row and put it back, and delete one. Sealed and   *)
(* signed values they can only put back. Assignments and numbers have no   *)
(* authenticator: these rows only help to find something.                  *)
(*                                                                         *)
(* The leg, retries and several nodes are in Attack and Delivery.          *)
(***************************************************************************)
EXTENDS Calls, Integers, TLC

CONSTANTS
    Columns,    \* what they write besides whole rows: a subset of Known below
    Writes,     \* how many rows they write
    Batches,    \* how many batches the service writes
    None        \* no row, no call

Known == {"state", "officer", "until", "under", "facts", "open", "exception", "assignments", "numbers"}
ASSUME Columns \subseteq Known

Applications == {"w", "m"}
Names == {"to wang", "to mallory"}
Keys == Applications \cup Names \cup {"exception"}

Of(c) == IF c = "to wang" THEN "w" ELSE "m"
Officer(c) == IF c = "to wang" THEN "ann" ELSE "bob"
Customer(a) == IF a = "w" THEN "wang" ELSE "mallory"

\* A registration, sealed under the application's key.
Facts(a, officers, consent) == [id |-> a, customer |-> Customer(a), officers |-> officers, consent |-> consent]
First(a) == Facts(a, IF a = "w" THEN {"ann"} ELSE {"bob"}, TRUE)

VARIABLES
    db,         \* DATABASE: the rows that decide, or None
    logged,     \* DATABASE: the statement of the exception, signed and sealed; {} or that one
    assigned,   \* DATABASE: officer and application, an index without an authenticator
    numbers,    \* DATABASE: number and application, an index without an authenticator
    missing,    \* the sum in the log's head, minus the sum of the current rows
    left,       \* each row as the last batch that changed it left it
    had,        \* every row so far, with its authenticator: they keep them all
    facts,      \* the latest registration by the loan system
    late,       \* the signed time of the calls is over
    over,       \* calls that have been withdrawn or confirmed
    shown,      \* calls whose code an officer has seen
    used,       \* the exception has been used
    batch,      \* how many batches the service has written
    wrote,      \* how many rows they have written
    back,       \* a row was put back or deleted
    gains       \* what they have gained

service == <<db, logged, assigned, numbers, left, had, batch, facts, late, over, shown, used, gains>>
vars == <<service, missing, wrote, back>>

Call(c) == [officer |-> Officer(c), until |-> "signed", state |-> "live"]
Made(k, is, n) == [is |-> is, by |-> n, mac |-> <<k, is, n>>]

Init ==
    LET rows == "w" :> [under |-> "wang", facts |-> First("w"), open |-> None]
             @@ "m" :> [under |-> "mallory", facts |-> First("m"), open |-> "to mallory"]
             @@ "to mallory" :> Call("to mallory")
    IN  /\ db = [k \in Keys |-> IF k \in DOMAIN rows THEN Made(k, rows[k], 0) ELSE None]
        /\ left = db
        /\ had = [k \in Keys |-> IF k \in DOMAIN rows THEN {db[k]} ELSE {}]
        /\ logged = {}
        /\ assigned = {<<"ann", "w">>, <<"bob", "m">>}
        /\ numbers = {<<"nw", "w">>, <<"nm", "m">>}
        /\ missing = << >>
        /\ facts = [a \in Applications |-> First(a)]
        /\ late = FALSE /\ over = {} /\ shown = {"to mallory"} /\ used = FALSE
        /\ batch = 0 /\ wrote = 0 /\ back = FALSE /\ gains = {}

-----------------------------------------------------------------------------
(* The service. It works with rows that it can read.                       *)

Verified(k) == db[k] = None \/ db[k].mac = <<k, db[k].is, db[k].by>>
Readable(k) == db[k] /= None /\ (Holds("L16 rows") => Verified(k))

\* A batch writes whole rows, each with its authenticator. It subtracts the rows that it read from
\* the sum and adds those that it writes. So a batch does not change `missing`.
Write(rows) ==
    /\ batch < Batches /\ batch' = batch + 1
    /\ LET stays(k) == db[k] /= None /\ db[k].is = rows[k] /\ Verified(k)
           made(k) == Made(k, rows[k], IF Holds("L16 fresh") THEN batch' ELSE 0)
       IN  db' = [k \in Keys |-> IF k \in DOMAIN rows /\ ~stays(k) THEN made(k) ELSE db[k]]
    /\ left' = [k \in Keys |-> IF db'[k] /= db[k] THEN db'[k] ELSE left[k]]
    /\ had' = [k \in Keys |-> IF k \in DOMAIN rows THEN had[k] \cup {db'[k]} ELSE had[k]]
    /\ UNCHANGED <<missing, wrote, back>>

Gained(kinds) == gains' = gains \cup kinds
If(kind, condition) == IF condition THEN {kind} ELSE {}

\* Facts of a call come from the ticket, not from the other columns.
OfficerOf(c) == IF Holds("L16 ticket") THEN Officer(c) ELSE db[c].is.officer
Expired(c) == late /\ (Holds("L16 ticket") \/ db[c].is.until = "signed")

\* Facts of an application: an index result is checked against the sealed registration.
Owns(customer, a) ==
    /\ db[a].is.under = customer
    /\ Holds("L16 found") => db[a].is.facts.customer = customer

\* The rules that the exception lifts: those in its statement that may be lifted.
Lifted ==
    IF ~Readable("exception") \/ db["exception"].is.used THEN {}
    ELSE IF Holds("L16 exception") THEN (IF logged = {} THEN {} ELSE {"hours"})
    ELSE db["exception"].is.rules

Broken(registered) == {"hours"} \cup If("consent", ~registered.consent)

Grant ==
    /\ db["exception"] = None /\ logged = {}
    /\ logged' = {"hours"}
    /\ Write("exception" :> [rules |-> {"hours"}, used |-> FALSE])
    /\ UNCHANGED <<assigned, numbers, facts, late, over, shown, used, gains>>

\* The loan system takes Ann off, or Wang refuses calls. That revokes open calls.
Register(officers, consent) ==
    LET registered == Facts("w", officers, consent)
        revoked == IF Readable("to wang") /\ db["to wang"].is.state = "live"
                   THEN "to wang" :> [db["to wang"].is EXCEPT !.state = "revoked"] ELSE << >>
        open == IF revoked = << >> THEN db["w"].is.open ELSE None
    IN  /\ facts["w"] = First("w") /\ Readable("w")
        /\ facts' = [facts EXCEPT !["w"] = registered]
        /\ assigned' = {each \in assigned : each[2] /= "w"} \cup {<<o, "w">> : o \in officers}
        /\ Write(revoked @@ "w" :> [db["w"].is EXCEPT !.facts = registered, !.open = open])
        /\ over' = over \cup DOMAIN revoked
        /\ UNCHANGED <<logged, numbers, late, shown, used, gains>>

Issue(c) ==
    LET registered == db["w"].is.facts
        broken == Broken(registered)
        exception == [db["exception"].is EXCEPT !.used = TRUE]
    IN  /\ Readable("w") /\ db["w"].is.open = None /\ ~late
        /\ Officer(c) \in registered.officers /\ broken \subseteq Lifted
        /\ over' = over \ {c} /\ used' = TRUE
        /\ Write(c :> Call(c) @@ "exception" :> exception @@ "w" :> [db["w"].is EXCEPT !.open = c])
        /\ Gained(If("removed officer", Officer(c) \notin facts["w"].officers)
                  \cup If("used again", used)
                  \cup If("lifted", ~(broken \subseteq logged))
                  \cup If("consent", Broken(facts["w"]) /= broken))
        /\ UNCHANGED <<logged, assigned, numbers, facts, late, shown>>

Withdraw(c) ==
    /\ Readable(c) /\ db[c].is.state = "live" /\ Readable("w")
    /\ Write(c :> [db[c].is EXCEPT !.state = "revoked"] @@ "w" :> [db["w"].is EXCEPT !.open = None])
    /\ over' = over \cup {c}
    /\ UNCHANGED <<logged, assigned, numbers, facts, late, shown, used, gains>>

\* The officer of a call looks at its code.
Reveal(c, officer) ==
    /\ Readable(c) /\ db[c].is.state = "live" /\ ~Expired(c)
    /\ OfficerOf(c) = officer
    /\ shown' = shown \cup {c}
    /\ Gained(If("other officer", officer /= Officer(c)))
    /\ UNCHANGED <<db, logged, assigned, numbers, missing, left, had, batch, facts, late, over, used, wrote, back>>

\* A customer enters a code that Mallory or an officer has told them. A code is derived from the key
\* of its application (Attack shows what happens otherwise).
Enters(customer, a, c) ==
    /\ Readable(a) /\ Owns(customer, a) /\ db[a].is.open = c /\ a = Of(c)
    /\ Readable(c) /\ db[c].is.state = "live" /\ ~Expired(c) /\ c \in shown
    /\ Write(c :> [db[c].is EXCEPT !.state = "confirmed"])
    /\ over' = over \cup {c}
    /\ Gained(If("another's", Customer(Of(c)) /= customer) \cup If("revived", c \in over) \cup If("late", late))
    /\ UNCHANGED <<logged, assigned, numbers, facts, late, shown, used>>

\* An officer looks at an application. A report from a number is filed with an application.
Look(officer, a) ==
    /\ Readable(a)
    /\ IF Holds("L16 found") THEN officer \in db[a].is.facts.officers ELSE <<officer, a>> \in assigned
    /\ Gained(If("looked", officer \notin facts[a].officers))
    /\ gains' /= gains
    /\ UNCHANGED <<db, logged, assigned, numbers, left, had, batch, facts, late, over, shown, used,
                   missing, wrote, back>>

File(number, a) ==
    /\ <<number, a>> \in numbers /\ Readable(a)
    /\ Holds("L16 found") => number = (IF db[a].is.facts.id = "w" THEN "nw" ELSE "nm")
    /\ Gained(If("another's report", number = "nw" /\ a = "m"))
    /\ gains' /= gains
    /\ UNCHANGED <<db, logged, assigned, numbers, left, had, batch, facts, late, over, shown, used,
                   missing, wrote, back>>

TimePasses ==
    /\ ~late /\ late' = TRUE
    /\ UNCHANGED <<db, logged, assigned, numbers, left, had, batch, facts, over, shown, used, gains,
                   missing, wrote, back>>

-----------------------------------------------------------------------------
(* The sum of all authenticators (section 8.3). Only writes past the       *)
(* service make it differ from the sum in the head.                        *)

Mac(row) == IF row = None THEN None ELSE row.mac
Count(bag, mac) == IF mac \in DOMAIN bag THEN bag[mac] ELSE 0
Plus(bag, mac, n) ==
    LET sum == Count(bag, mac) + n
        rest == [each \in DOMAIN bag \ {mac} |-> bag[each]]
    IN  IF mac = None THEN bag ELSE IF sum = 0 THEN rest ELSE rest @@ mac :> sum

SumFits == missing = << >>

\* Section 8.3: the audit reads every row, checks its authenticator, and computes the sum.
AuditFinds == (\E k \in Keys : Holds("L16 rows") /\ ~Verified(k)) \/ (Holds("L16 sum") /\ ~SumFits)

-----------------------------------------------------------------------------
(* Writes by the attackers.                                                *)

Puts(k, row, set_back) ==
    /\ wrote < Writes /\ wrote' = wrote + 1
    /\ db[k] /= row
    /\ db' = [db EXCEPT ![k] = row]
    /\ missing' = IF Mac(db[k]) = Mac(row) THEN missing ELSE Plus(Plus(missing, Mac(db[k]), 1), Mac(row), -1)
    /\ back' = (back \/ set_back)
    /\ UNCHANGED <<logged, assigned, numbers, left, had, batch, facts, late, over, shown, used, gains>>

Change(k, is) == Puts(k, [db[k] EXCEPT !.is = is], FALSE)

WritesColumns ==
    \/ \E c \in Names : db[c] /= None /\
        \/ "state" \in Columns /\ Change(c, [db[c].is EXCEPT !.state = "live"])
        \/ "officer" \in Columns /\ \E o \in {"ann", "bob"} : Change(c, [db[c].is EXCEPT !.officer = o])
        \/ "until" \in Columns /\ Change(c, [db[c].is EXCEPT !.until = "longer"])
    \/ \E a \in Applications : db[a] /= None /\
        \/ "under" \in Columns /\ \E p \in {"wang", "mallory"} : Change(a, [db[a].is EXCEPT !.under = p])
        \/ "facts" \in Columns /\ \E old \in had[a] : Change(a, [db[a].is EXCEPT !.facts = old.is.facts])
        \/ "open" \in Columns /\ \E c \in Names \cup {None} : Change(a, [db[a].is EXCEPT !.open = c])
    \/ "exception" \in Columns /\ \E rules \in {{"hours"}, {"hours", "consent"}} :
        Puts("exception", [is |-> [rules |-> rules, used |-> FALSE], by |-> 0, mac |-> Mac(db["exception"])], FALSE)

WritesIndexes ==
    /\ wrote < Writes /\ wrote' = wrote + 1
    /\ \/ "assignments" \in Columns /\ assigned' = assigned \cup {<<"bob", "w">>} /\ assigned' /= assigned
          /\ UNCHANGED numbers
       \/ "numbers" \in Columns /\ numbers' = numbers \cup {<<"nw", "m">>} /\ numbers' /= numbers
          /\ UNCHANGED assigned
    /\ UNCHANGED <<db, logged, missing, left, had, batch, facts, late, over, shown, used, back, gains>>

PutsBack(k) == \E row \in had[k] \cup {None} : Puts(k, row, TRUE)

Next ==
    \/ Grant \/ TimePasses
    \/ Register({}, TRUE) \/ Register({"ann"}, FALSE)
    \/ Issue("to wang") \/ Withdraw("to wang")
    \/ \E o \in {"ann", "bob"} : Reveal("to wang", o)
    \/ \E a \in Applications, c \in Names : Enters("wang", a, c)
    \/ \E o \in {"ann", "bob"}, a \in Applications : Look(o, a)
    \/ \E n \in {"nw", "nm"}, a \in Applications : File(n, a)
    \/ WritesColumns \/ WritesIndexes
    \/ \E k \in Keys : PutsBack(k)

Spec == Init /\ [][Next]_vars
=============================================================================
