----------------------------- MODULE PastPromises -----------------------------
(***************************************************************************)
(* The promises of Past, as invariants, and events that must be possible   *)
(* in it.                                                                  *)
(***************************************************************************)
EXTENDS Past

Said(verdict) == {each \in answer : each.says = verdict}

Shape ==
    /\ row \in Row
    /\ \A each \in answer : each.says \in {"genuine", "not_genuine", "ended"}
    /\ \A request \in Requests : answers[request] \subseteq {"asked again", "verdict"}

-----------------------------------------------------------------------------
(* Promises.                                                               *)

\* L7: only the person whose call it was hears of it, by telephone at the number that was called.
OnlyToItsOwner == \A each \in Said("ended") : Owns(each.person)

\* L13: the bank says that a call was its own only if it stands by it.
OnlyIfVouched ==
    \A each \in Said("ended") :
        /\ each.row.state \in {"ended", "expired"} /\ each.told /\ ~each.cut
        /\ Mode = "required" => WasConnected(each.row)

\* L4, L6: what is over is never green.
NotGreenAfterwards == \A each \in Said("genuine") : IsOpen(each.row)

\* L6: what goes on is neither over nor refused, whatever happened between the two looks.
TrueWhileItGoesOn ==
    \A each \in Said("ended") \cup Said("not_genuine") : ~Genuine(each.person, each.row)

\* Section 7.13: its owner is not told that the bank had no such call.
TrueAfterwards ==
    \A each \in Said("not_genuine") :
        ~(Owns(each.person) /\ each.row.state \in {"ended", "expired"} /\ each.told /\ ~each.cut
          /\ (Mode = "required" => WasConnected(each.row)))

\* L14: a second request with impossible digits gets a verdict.
AskedOnce == Cardinality({each \in Requests : "asked again" \in answers[each]}) <= 1

\* Section 7.16: one request, one answer.
OneAnswerForAnEntry == \A each \in Requests : Cardinality(answers[each]) <= 1

-----------------------------------------------------------------------------
(* Possible events: TLC must find each of these violated.                  *)

NeverEnded == Said("ended") = {}
NeverEndedByTelephone == \A each \in Said("ended") : each.person /= "called"
NeverEndedUnused == \A each \in Said("ended") : each.row.state /= "expired"
NeverRefusedFromHome == \A each \in Said("not_genuine") : ~(each.person = "home" /\ each.row.state = "ended")
NeverConnectedBetween == ~(\E first \in looked : first.person = "wang" /\ ~WasConnected(first.row) /\ Genuine("wang", Now))
NeverOverBetween == ~(\E first \in looked : first.person = "called" /\ IsOpen(first.row) /\ Vouched(Now))
NeverRevokedAfterTheCode == \A each \in Said("not_genuine") : ~(each.row.state = "revoked" /\ each.told)
NeverLocked == \A each \in Said("not_genuine") : each.row.state /= "locked"
NeverAVerdictOnInvented == \A each \in Requests : "verdict" \notin answers[each]
=============================================================================
