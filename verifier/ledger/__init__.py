"""The ledger: what makes things durable, in order, and evident. Implements specs/protocol.md sections 8 and 10.

A command goes through it like this. `writer.Writer.submit` puts it in a queue, with its read set. The writer takes all
waiting commands, locks the heads of their shards (`heads`), loads every declared row (`loading`), and lets each command
decide on a `unit_of_work.UnitOfWork`. Then it extends the tree, makes the authenticators of the rows (`rows`), writes
everything, commits, and gives each caller its answer.

`records` has the SQL, `tables` the rows that carry an authenticator, `committed` reads outside of a batch, `log` serves
tiles, `audit` and `row_audit` check everything.
"""
