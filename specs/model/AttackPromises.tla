--------------------------- MODULE AttackPromises ----------------------------
(***************************************************************************)
(* The promises of Attack, as invariants, and events that must be possible *)
(* in it, so that no promise holds only because nothing happens.           *)
(***************************************************************************)
EXTENDS Attack

Wangs == {g \in given : g.to = "wang"}

Shape ==
    /\ \A c \in Calls : row[c] \in Row /\ spent[c] \in 0 .. 2
    /\ \A a \in Applications : pointer[a] \in Calls \cup {"none"}

-----------------------------------------------------------------------------
(* Promises.                                                               *)

\* L5 with L2 and L12: a code that Mallory reads out to Wang is never genuine, unless Mallory
\* heard it on the officer's leg to Wang's own number.
NotFooled == \A g \in Wangs : g.voice = "mallory" => g.call \in tapped

\* L12: customers get verdicts on their own calls only.
OwnCallsOnly == \A g \in Wangs : signed[g.call].application = "w"

\* L12: a call that is genuine to Wang was a call to Wang's own number.
HisNumberWasCalled == \A g \in Wangs : signed[g.call].dest = "nw"

\* L2: the verdict says what the bank signed.
AsSigned == \A g \in given : g.says = signed[g.call]

\* L2: nobody knows a code before it has been read out on a leg.
SecretUntilTold == \A code \in known, c \in Calls : code[2] = c => phone[c].now /= "idle"

\* L10: an assigned officer phoned a number on file about this application.
ByPolicy == \A g \in given :
    /\ g.says.officer = Assigned(g.says.application)
    /\ g.says.dest \in OnFile(g.says.application)

\* L10: once assignment is checked, no call continues with an officer who is no longer assigned.
OnlyTheAssigned == unfit = {}

\* Section 2: a suspended officer has no open call.
NothingOfTheSuspended == \A c \in Calls : signed[c].officer \in staff.suspended => ~IsOpen(row[c])

\* L5: a genuine call had a leg connected to the number on the ticket.
OnALeg == \A g \in given : g.leg /= "none"

\* L4: a code is consumed at most once; a used code is good only while the call goes on.
ConsumedOnce == \A c \in Calls : spent[c] <= 1
NoReplay == \A g \in given : ~g.first => g.leg = "up"

\* Section 6.2: the first genuine verdict is within the code's life and the grace.
InTime == \A g \in given : g.first => g.intime

\* L7: look-ups of other customers use no attempt, and a spoofed number none of the app's.
BurnsNothing == \A c \in Calls, channel \in Channels : row[c].wrong[channel] <= owed[c][channel]

\* L1: a confirmation permits nothing to the person on the officer's line.
NothingFollows == disclosed \cap tapped = {}

-----------------------------------------------------------------------------
(* Possible events: TLC must find each of these violated.                  *)

NeverGenuine == \A g \in Wangs : g.voice /= "bank"
NeverGivenBefore == \A g \in Wangs : g.first
NeverGenuineInTheGrace == \A g \in Wangs : g.leg /= "down"
NeverAnOverheardCodeTaken == \A g \in Wangs : g.voice /= "mallory"
NeverASpoofedNumberTaken == \A g \in given : ~(g.to = "mallory" /\ g.call \in tapped)
NeverMallorysOwnCall == \A g \in given : ~(g.to = "mallory" /\ g.call \notin tapped)
NeverASpoofedLock == \A c \in Calls :
    ~(signed[c].application = "w" /\ row[c].wrong["ivr"] = MaxWrong /\ row[c].wrong["app"] = 0)
NeverSuperseded == ~ \E c \in Calls, d \in Calls :
    c /= d /\ row[c].state = "revoked" /\ signed[c] = signed[d] /\ row[d].state = "issued"
NeverALegElsewhere == \A c \in Calls : ~(phone[c].now = "up" /\ ~OnDest(c) /\ ~changed)
NeverASpoiltTicketOnALiveCall == ~ \E c \in Calls : Connected(row[c]) /\ row[c].state = "live" /\ ticket[c] /= signed[c]
NeverRevokedForWantOfAssignment == ~ \E c \in Calls : row[c].state = "revoked" /\ ~Fit(c) /\ staff.suspended = {}
NeverSuspendedOnTheLine == ~ \E c \in Calls :
    signed[c].officer \in staff.suspended /\ row[c].state = "revoked" /\ phone[c].now = "up"
NeverACallOfEach == ~ \E c \in Calls, d \in Calls :
    Connected(row[c]) /\ Connected(row[d]) /\ signed[c].application /= signed[d].application
=============================================================================
