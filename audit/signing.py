"""Signatures under seals: Ed25519, by a key that stands in the environment and in no table."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


def public() -> str:
    """The public half of our key, in hex; nothing without a key."""
    key = _own()
    return key.public_key().public_bytes_raw().hex() if key else ""


def trusted() -> frozenset[str]:
    """The public keys by which a seal may be signed: ours and those named; if there are none, nobody is asked."""
    return frozenset({public(), *settings.AUDIT_PUBLIC_KEYS} - {""})


def sign(text: str) -> str:
    """In hex; nothing without a key."""
    key = _own()
    return key.sign(text.encode()).hex() if key else ""


def is_signed(text: str, signature: str, *, by: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(by)).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def new() -> str:
    """A key that nobody has yet."""
    return Ed25519PrivateKey.generate().private_bytes_raw().hex()


def _own() -> Ed25519PrivateKey | None:
    seed = settings.AUDIT_SIGNING_KEY
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)) if seed else None
