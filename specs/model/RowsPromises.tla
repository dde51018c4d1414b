---------------------------- MODULE RowsPromises -----------------------------
(***************************************************************************)
(* What Rows promises (law L16), and what must be able to happen in it.    *)
(***************************************************************************)
EXTENDS Rows

Shape ==
    /\ \A c \in Names : db[c] = None \/ db[c].is.state \in {"live", "confirmed", "revoked"}
    /\ wrote \in 0 .. Writes

\* These are never gained, also not by an old row.
NoCodeOfAnother == "another's" \notin gains
NoOtherOfficer == "other officer" \notin gains
NoLateCode == "late" \notin gains
NoRuleLifted == gains \cap {"lifted"} = {}
NothingFoundUnchecked == gains \cap {"another's report"} = {}

\* These need an old row with its old authenticator, or a row deleted.
OnlyByAnOldRow == gains \cap {"revived", "removed officer", "used again", "consent", "looked"} /= {} => back

\* Section 8.3: whenever a row is not what the last batch that changed it left, the audit finds it.
SetBackIsFound == db /= left => AuditFinds

\* And it still finds it after a batch has worked with an old row.
GainIsFound == gains \cap {"revived", "removed officer", "used again", "consent"} /= {} => AuditFinds

-----------------------------------------------------------------------------
(* What must be able to happen: each of these has to be found violated.    *)

NeverRefusedAsTampered == \A k \in Keys : Verified(k)
NeverRevivedByAnOldRow == "revived" \notin gains
NeverIssuedByAnOldRow == "removed officer" \notin gains
NeverAnExceptionUsedAgain == "used again" \notin gains
NeverDeleted == \A k \in Keys : left[k] /= None => db[k] /= None
\* What no sum can find: an old row that was only read, and put forward again before the audit.
NeverALookUnfound == "looked" \in gains => AuditFinds
NeverConfirmed == ~(db["to wang"] /= None /\ db["to wang"].is.state = "confirmed" /\ gains = {} /\ wrote = 0)
=============================================================================
