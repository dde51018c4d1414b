-------------------------- MODULE DeliveryPromises ---------------------------
(***************************************************************************)
(* The promises of Delivery, as invariants, and events that must be        *)
(* possible in it, so that no promise holds only because nothing happens.  *)
(***************************************************************************)
EXTENDS Delivery

\* A verdict that is decided now, not a kept answer.
Fresh(n, answers) == node[n].step = "decided" /\ ~node[n].replayed /\ node[n].answer \in answers

Shape ==
    /\ row \in Row
    /\ consumed \in 0 .. 2
    /\ kept \in [Keyed -> {"none", "issued", "issued with code", "genuine", "given_before", "not_genuine", "revoked"}]

-----------------------------------------------------------------------------
(* Promises.                                                               *)

\* L4: a code is consumed at most once, and there is one receipt that says so.
ConsumedOnce == consumed <= 1 /\ Cardinality(log.genuine) = consumed

\* L4: a key has one answer, and one that consumed the code says genuine.
OneAnswerForAKey == \A key \in Keyed :
    /\ Cardinality(told[key]) <= 1
    /\ key \in log.genuine => told[key] \subseteq {"genuine"}

\* L4: the right code again while the call goes on is genuine, unless the channel is locked.
NoFlipFlop == \A n \in Nodes : Fresh(n, {"not_genuine"}) /\ node[n].request \in Confirmations =>
    ~ /\ log.genuine /= {}
      /\ row.state = "confirmed"
      /\ row.wrong[Channel(node[n].request)] < MaxWrong
      /\ IF Mode = "required"
         THEN said = {"connected"} /\ "call" \notin node[n].then
         ELSE "ended" \notin said /\ node[n].then = {}

\* L4: `given_before` means that there is a first receipt.
GivenBeforeHasAReceipt == \A n \in Nodes : Fresh(n, {"given_before"}) => log.genuine /= {}

\* L4, L5, section 6: the first genuine verdict is within the code's life, on a leg that the PBX
\* reported as connected to the number on file, and no later than the grace after it ended.
GenuineInTime == \A n \in Nodes : Fresh(n, {"genuine"}) =>
    /\ "lifetime" \notin node[n].then
    /\ {"connected", "ended"} \subseteq said => "grace" \notin node[n].then
GenuineOnALeg == \A n \in Nodes : Mode = "required" /\ Fresh(n, {"genuine"}) => "connected" \in said
\* A used code is useless once the call has ended.
NoReplay == \A n \in Nodes : Fresh(n, {"given_before"}) =>
    /\ ~({"connected", "ended"} \subseteq said)
    /\ "call" \notin node[n].then

\* L4: a kept answer says genuine only while the call goes on.
GreenEndsWithTheCall == \A n \in Nodes :
    node[n].step = "decided" /\ node[n].replayed /\ node[n].answer \in Green =>
        /\ row.state /= "revoked"
        /\ IF "connected" \in said THEN "ended" \notin said /\ "call" \notin node[n].then
           ELSE "lifetime" \notin node[n].then

\* L5: the officer sees the code only on a leg that the PBX has reported as connected.
ShownOnALiveLeg == \A n \in Nodes : Mode = "required" /\ Fresh(n, {"code"}) =>
    said = {"connected"} /\ "lifetime" \notin node[n].then

\* L3: the ticket is durable and in the log before the officer sees the code.
LoggedBeforeShown == shown => log.ticket /\ row.state /= "none"

\* L6: a customer who was told genuine has a receipt that lasts.
FailClosed == \A key \in Keyed :
    /\ "genuine" \in told[key] => key \in log.genuine
    /\ "given_before" \in told[key] => log.genuine /= {}

\* Section 10: everything that anybody was told is stored, whatever crashes.
NothingLost == \A key \in Keyed : \A answer \in told[key] :
    /\ Holds("L4 kept answer") => kept[key] = answer
    /\ answer \in {"issued", "issued with code"} => log.ticket /\ row.state /= "none"
    /\ answer = "not_genuine" => key \in log.negative
    /\ answer = "revoked" => row.state = "revoked"

\* Section 6.2: the number of guesses at a code is limited, however many people guess at once.
GuessBound == \A channel \in Channels : tries[channel] <= MaxWrong

-----------------------------------------------------------------------------
(* Possible events: TLC must find each of these violated.                  *)

NeverGenuine == \A key \in Keyed : "genuine" \notin told[key]
NeverGivenBefore == \A key \in Keyed : "given_before" \notin told[key]
NeverGenuineInTheGrace == ~(consumed = 1 /\ row.state = "ended" /\ HungUp(row) /\ passed = {})
NeverALostAnswerGivenAgainElsewhere == ~ \E n \in Nodes, m \in Nodes :
    /\ n /= m /\ node[m].step = "down"
    /\ node[n].step = "decided" /\ node[n].replayed /\ node[n].answer = "genuine"
    /\ told[node[n].request] = {}
NeverEnded == ~ \E n \in Nodes :
    node[n].step = "decided" /\ node[n].answer = "ended" /\ row.state \in {"ended", "revoked"}
NeverAnEndHeardFirst == said /= {"ended"}
NeverGenuineAfterAGuess == ~(consumed = 1 /\ tries["app"] > 0 /\ tries["ivr"] = MaxWrong)
NeverLocked == row.state /= "locked"
NeverExpired == row.state /= "expired"
NeverRevokedWhileLive == ~(row.state = "revoked" /\ Connected(row))
NeverClosedByTheDecisionAlone == ~ \E n \in Nodes : node[n].step = "decided" /\ IsOpen(row) /\ ~IsOpen(node[n].before)
=============================================================================
