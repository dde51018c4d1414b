--------------------------- MODULE ContactsPromises ---------------------------
(***************************************************************************)
(* The promises of Contacts, as invariants, and events that must be        *)
(* possible in it.                                                         *)
(***************************************************************************)
EXTENDS Contacts

Said(verdict) == {each \in answer : each.says = verdict}

Shape ==
    /\ row \in Row /\ to \in People \cup {"nobody"}
    /\ \A person \in People : rights[person] \in Grants(person)
    /\ \A each \in answer : each.says \in {"genuine", "not_genuine", "ended", "looked"}

-----------------------------------------------------------------------------
(* Promises.                                                               *)

\* L12, CVP-3.3-4: genuine only for a contact with `confirm` at that moment.
GenuineByRight == \A each \in Said("genuine") : "confirm" \in each.rights

\* L12, CVP-3.3-6: somebody who is no contact, or no longer, gets nothing but the uniform refusal.
\* What they had before stays theirs: a retry gives their own receipt once more, as `ended`.
NothingForTheRemoved ==
    \A each \in answer : each.rights = {} =>
        each.says /= "genuine" /\ each.told = {} /\ (each.given = {} \/ each.says = "ended")

\* L4, CVP-7-8: the first contact consumes the code, nobody else.
ConsumedOnce == consumed <= 1

\* L4, CVP-7-8: for one call each person has at most one receipt.
OneReceiptEach == \A one, other \in receipts : one.of = other.of => one = other

\* L12, CVP-7-9: nobody gets a receipt of somebody else.
OwnReceipts == \A each \in answer : \A receipt \in each.given : receipt.of = each.person

\* L10, CVP-3.3-6: an open call goes to a contact who may be called.
OnlyToTheCalled == IsOpen(row) => "called" \in rights[to]

\* L12, CVP-3.3-7: neither an answer nor a receipt says more than the person may know.
LittleWithoutDetails ==
    /\ \A each \in answer : "details" \notin each.rights => each.told \cap {"loan", "calls of others"} = {}
    /\ \A each \in receipts : ~each.detailed => "loan" \notin each.says

-----------------------------------------------------------------------------
(* Possible events: TLC must find each of these violated.                  *)

NeverThreeReceipts == Cardinality(receipts) < 3
NeverGenuineForAHelper == \A each \in Said("genuine") : each.person /= "helper"
NeverRevokedAfterTheCode == ~(row.state = "revoked" /\ receipts /= {})
NeverConsumedByAnother == consumed = 1 => \E each \in receipts : each.of = to
NeverACallOfAnotherSeen == \A each \in answer : "calls of others" \notin each.told
NeverRefusedWithoutTheRight == \A each \in Said("not_genuine") : ~(each.rights = {"called"} /\ row.state = "live")
NeverRefusedAfterTheirReceipt ==
    \A each \in Said("not_genuine") : ~(IsOpen(row) /\ \E receipt \in receipts : receipt.of = each.person)
NeverEndedForTheRemoved == \A each \in Said("ended") : ~(each.rights = {} /\ row.state = "confirmed")
NeverAnOlderReceiptSaysMore == \A each \in Said("genuine") :
    each.told = {} \/ \A receipt \in each.given : receipt.says \subseteq each.told
=============================================================================
