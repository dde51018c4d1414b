"""Compares HOTP with oathtool of the OATH Toolkit (RFC 4226; in RFC 6238 the time is the counter)."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess

import pytest

from verifier.core.code import hotp

pytestmark = pytest.mark.needs("oathtool")

SEED = 4226


@pytest.fixture
def oathtool() -> str:
    return str(shutil.which("oathtool"))


def test_oathtool_agrees_on_a_thousand_random_keys_and_counters(oathtool: str) -> None:
    """oathtool supports HMAC-SHA-256 only for times, so the counter is passed as a time with steps of one second."""
    rng = random.Random(SEED)
    for _ in range(1_000):
        key, counter = rng.randbytes(32), rng.choice((rng.randrange(10), rng.randrange(2**16), rng.randrange(2**34)))
        options = ("--totp=sha256", "--digits=8", "--time-step-size=1s", f"--now=@{counter}")
        told = subprocess.run([oathtool, *options, key.hex()], capture_output=True, text=True, check=True).stdout
        assert told.strip() == hotp(key, counter), (key.hex(), counter)


def test_oathtool_agrees_on_counters_of_any_size_with_sha_1(oathtool: str) -> None:
    rng = random.Random(SEED)
    for bits in range(1, 64):
        key, counter = rng.randbytes(20), rng.getrandbits(bits)
        options = ("--hotp", "--digits=8", f"--counter={counter}")
        told = subprocess.run([oathtool, *options, key.hex()], capture_output=True, text=True, check=True).stdout
        assert told.strip() == hotp(key, counter, digest=hashlib.sha1), (key.hex(), counter)
