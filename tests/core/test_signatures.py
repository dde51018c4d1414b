"""Which Ed25519 keys and signatures are accepted. Points of small order are computed from the curve's equation."""

from __future__ import annotations

import pytest
from callback_verification import ed25519 as sdk
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier.core.errors import InvalidSignature
from verifier.core.signatures import is_point, verify_ed25519

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
SIGNATURE = KEY.sign(b"text")

Point = tuple[int, int]


def added(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, PRIME)
    return x % PRIME, y % PRIME


def times(count: int, point: Point) -> Point:
    total = (0, 1)
    while count:
        total, point, count = added(total, point) if count & 1 else total, added(point, point), count >> 1
    return total


def on_curve(y: int) -> Point | None:
    """The point with this y and an even x, or None (RFC 8032 section 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    root = pow(square, (PRIME + 3) // 8, PRIME)
    if (root * root - square) % PRIME:
        root = root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if (root * root - square) % PRIME:
        return None
    return (PRIME - root if root % 2 else root), y


def small_points() -> set[Point]:
    """All points whose order divides 8: the multiples of a point of order 8."""
    for y in range(2, 100):
        point = on_curve(y)
        generator = None if point is None else times(ORDER, point)
        if generator is not None and times(4, generator) != (0, 1):
            return {times(count, generator) for count in range(8)}
    raise AssertionError("no point of order 8")


def encodings(y: int) -> list[bytes]:
    """Each encoding of a y in 32 bytes, with either sign, also as y + p where that fits."""
    return [
        (each | sign << 255).to_bytes(32, "little") for each in (y, y + PRIME) if each < 1 << 255 for sign in (0, 1)
    ]


@pytest.mark.shows("CVP-8-4")
def test_each_point_of_small_order_is_refused_in_each_encoding() -> None:
    points = small_points()
    assert len(points) == 8
    for _, y in points:
        for octets in encodings(y):
            assert not is_point(octets), octets.hex()
            assert not sdk.is_point(octets), octets.hex()


@pytest.mark.shows("CVP-8-4")
def test_an_unreduced_number_is_no_point() -> None:
    for y in range(19):
        octets = (PRIME + y).to_bytes(32, "little")
        assert not is_point(octets)
        assert not sdk.is_point(octets)


@pytest.mark.shows("CVP-8-4", "CVP-8.1-17")
def test_keys_and_signatures_of_the_library_are_accepted() -> None:
    for seed in range(50):
        key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        public = key.public_key().public_bytes_raw()
        assert is_point(public)
        assert sdk.is_point(public)
        verify_ed25519(public, key.sign(b"text"), b"text")


@pytest.mark.shows("CVP-8.1-17")
@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:63],
        SIGNATURE + b"\0",
        SIGNATURE[:32] + (int.from_bytes(SIGNATURE[32:], "little") + ORDER).to_bytes(32, "little"),
        (1).to_bytes(32, "little") + SIGNATURE[32:],
        bytes(64),
    ],
)
def test_a_signature_that_rfc_8032_does_not_allow_is_refused(signature: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify_ed25519(PUBLIC, signature, b"text")
