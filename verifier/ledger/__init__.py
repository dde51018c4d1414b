"""The ledger: durable, ordered, tamper-evident storage. Implements specs/protocol.md sections 8 and 10.

The path of a command:

1. `writer.Writer.submit_kept` queues the command with its read set.
2. The writer takes all waiting commands as one batch, and locks the heads of their shards (`heads`).
3. The writer loads every row that the commands declare (`loading`).
4. Each command decides: it reads rows from a `unit_of_work.UnitOfWork`, and stages its writes there.
5. The writer makes the authenticators of the changed rows (`rows`).
6. The writer extends the tree, which gives each new leaf its proof. Then it builds the answers.
7. The writer writes everything, commits, and answers the callers.

`records` has the SQL. `tables` has the structs of the rows that carry an authenticator. `idempotency` keeps answers for
retries. `committed` reads rows outside of a batch. `log` serves tiles. `audit` and `row_audit` check everything.
"""
