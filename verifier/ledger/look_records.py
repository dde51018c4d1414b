"""The SQL of looks, written once for both databases, like that of the other tables in ledger/records.py.

Implements specs/protocol.md section 7.17.
"""

from __future__ import annotations

from verifier.ledger.tables import LOOKS

# Pages of looks between two ids, newest first. An empty reader selects all readers.
LOOKS_OF_APPLICATION = (
    f"SELECT {LOOKS.columns} FROM looks WHERE application_id = $1 AND look_id >= $2 AND look_id < $3 "
    "AND (reader = $4 OR $4 = '') ORDER BY look_id DESC LIMIT $5"
)
LOOKS_OF_READER = (
    f"SELECT {LOOKS.columns} FROM looks WHERE reader = $1 AND look_id >= $2 AND look_id < $3 "
    "ORDER BY look_id DESC LIMIT $4"
)
LOOKS_BETWEEN = f"SELECT {LOOKS.columns} FROM looks WHERE look_id >= $1 AND look_id < $2 ORDER BY look_id DESC LIMIT $3"
LOOKS_WITH_REASON = f"SELECT {LOOKS.columns} FROM looks WHERE application_id IN ($*) AND sealed IS NOT NULL"
LOOKS_BY_ID = f"SELECT {LOOKS.columns} FROM looks WHERE look_id IN ($*)"
# A page of the looks of a reader between two ids, each with its customer, oldest first. An erased application has no
# customer. Looks without an application are left out.
LOOKS_AT_CUSTOMERS = (
    f"SELECT {LOOKS.of('k')}, a.customer_index FROM looks k "
    "LEFT JOIN applications a ON a.application_id = k.application_id "
    "WHERE k.reader = $1 AND k.look_id > $2 AND k.look_id < $3 AND k.application_id <> '' ORDER BY k.look_id LIMIT 1000"
)
# Staff with a look from $1 on, and looks at more than $3 customers from $2 on.
BUSY_READERS = (
    "SELECT r.reader FROM (SELECT DISTINCT reader FROM looks WHERE look_id >= $1 AND reader LIKE 'staff:%') r "
    "WHERE (SELECT COUNT(DISTINCT a.customer_index) "
    "+ COUNT(DISTINCT CASE WHEN a.customer_index IS NULL THEN k.application_id END) "
    "FROM looks k LEFT JOIN applications a ON a.application_id = k.application_id "
    "WHERE k.reader = r.reader AND k.look_id >= $2 AND k.application_id <> '') > $3"
)
LOOKS_BEFORE = f"SELECT {LOOKS.columns} FROM looks WHERE look_id < $1 LIMIT 500"
BULK_READINGS_OF = (
    f"SELECT {LOOKS.columns} FROM looks WHERE reader = $1 AND look_id >= $2 AND look_id < $3 AND bulk = 1 "
    "ORDER BY look_id"
)
BULK_READINGS = (
    f"SELECT {LOOKS.columns} FROM looks WHERE look_id >= $1 AND look_id < $2 AND bulk = 1 "
    "ORDER BY look_id DESC LIMIT $3"
)
