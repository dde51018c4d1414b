---------------------------- MODULE RowsPromises -----------------------------
(***************************************************************************)
(* The promises of Rows (law L16), and events that must be possible in it. *)
(***************************************************************************)
EXTENDS Rows

Shape ==
    /\ \A c \in Names : db[c] = None \/ db[c].is.state \in {"live", "confirmed", "revoked"}
    /\ wrote \in 0 .. Writes

\* These gains are impossible, even with an old row.
NoCodeOfAnother == "another's" \notin gains
NoOtherOfficer == "other officer" \notin gains
NoLateCode == "late" \notin gains
NoRuleLifted == gains \cap {"lifted"} = {}
NothingFoundUnchecked == gains \cap {"another's report"} = {}

\* These gains need an old row with its old authenticator, or a deleted row.
OnlyByAnOldRow == gains \cap {"revived", "removed officer", "used again", "consent", "looked"} /= {} => back

\* Section 8.3: the audit finds every row that differs from what the last batch left.
SetBackIsFound == db /= left => AuditFinds

\* And it still finds it after a batch has worked with an old row.
GainIsFound == gains \cap {"revived", "removed officer", "used again", "consent"} /= {} => AuditFinds

-----------------------------------------------------------------------------
(* Possible events: TLC must find each of these violated.                  *)

NeverRefusedAsTampered == \A k \in Keys : Verified(k)
NeverRevivedByAnOldRow == "revived" \notin gains
NeverIssuedByAnOldRow == "removed officer" \notin gains
NeverAnExceptionUsedAgain == "used again" \notin gains
NeverDeleted == \A k \in Keys : left[k] /= None => db[k] /= None
\* No sum can find this: an old row that was only read, and replaced before the audit.
NeverALookUnfound == "looked" \in gains => AuditFinds
NeverConfirmed == ~(db["to wang"] /= None /\ db["to wang"].is.state = "confirmed" /\ gains = {} /\ wrote = 0)
=============================================================================
