"""Public operations: verify a receipt, read the log, fetch keys. Implements specs/openapi.yaml."""

from __future__ import annotations

from verifier.api import public
from verifier.api.operations import Operation, operation
from verifier.core import errors
from verifier.core.messages.confirmations import ReceiptChecked, VerifyReceipt
from verifier.ports import Reader


def operations(storage: Reader) -> tuple[Operation, ...]:
    """Every operation that needs no login."""
    anyone = public.Public(storage)
    return (
        operation(
            id="verify_receipt",
            method="POST",
            path="/v1/receipts/verification",
            summary="Check any ticket or receipt of this deployment and its log proof",
            tag="receipts",
            body=VerifyReceipt,
            answer=ReceiptChecked,
            handler=anyone.verify_receipt,
        ),
        operation(
            id="log_checkpoint",
            method="GET",
            path="/log/checkpoint",
            summary="The latest signed checkpoint (C2SP tlog-checkpoint)",
            tag="log",
            content_type="text/plain",
            raises=(errors.NotFound,),
            handler=anyone.checkpoint,
        ),
        operation(
            id="log_tile",
            method="GET",
            path="/log/tile/{path}",
            summary="A tile of hashes or a bundle of entries (C2SP tlog-tiles)",
            tag="log",
            content_type="application/octet-stream",
            raises=(errors.NotFound,),
            handler=anyone.tile,
        ),
        operation(
            id="log_shard_checkpoint",
            method="GET",
            path="/log/{shard}/checkpoint",
            summary="The latest signed checkpoint of a shard of the log, from 1",
            tag="log",
            content_type="text/plain",
            raises=(errors.NotFound,),
            handler=anyone.checkpoint,
        ),
        operation(
            id="log_shard_tile",
            method="GET",
            path="/log/{shard}/tile/{path}",
            summary="A tile of hashes or a bundle of entries of a shard of the log, from 1",
            tag="log",
            content_type="application/octet-stream",
            raises=(errors.NotFound,),
            handler=anyone.tile,
        ),
        operation(
            id="log_consistency",
            method="GET",
            path="/v1/log/consistency",
            summary="The proof that a later checkpoint extends an earlier one (RFC 6962)",
            tag="log",
            query=public.Sizes,
            answer=public.Consistency,
            raises=(errors.NotFound,),
            handler=anyone.consistency,
        ),
        operation(
            id="jwks",
            method="GET",
            path="/.well-known/jwks.json",
            summary="The public keys of tickets and receipts: next, active and retired",
            tag="keys",
            answer=public.Jwks,
            handler=anyone.jwks,
        ),
        operation(
            id="description",
            method="GET",
            path="/.well-known/callback-verification",
            summary="This deployment: issuer, keys, log, published numbers; keep it as the trust file",
            tag="keys",
            answer=public.Description,
            handler=anyone.description,
        ),
    )
