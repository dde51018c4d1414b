"""The ledger: durable, ordered, tamper-evident storage. Implements specs/protocol.md sections 8 and 10.

The path of a command: `writer.Writer.submit_kept` queues it with its read set. The writer takes all waiting commands,
locks the heads of their shards (`heads`), loads every declared row (`loading`), and lets each command decide on a
`unit_of_work.UnitOfWork`. Then it makes the authenticators of the rows (`rows`), extends the tree, which gives each new
leaf its proof, builds the answers, writes everything, commits, and answers the callers.

`records` has the SQL, and `tables` the rows that carry an authenticator. `idempotency` keeps answers for retries.
`committed` reads outside of a batch. `log` serves tiles. `audit` and `row_audit` check everything.
"""
