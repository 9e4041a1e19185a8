"""Webhooks, signed as in Standard Webhooks 1.0 (standardwebhooks.com): id, time and body under a shared secret."""

import base64
import hmac
import json
import time
from hashlib import sha256

from notifications import http
from notifications.message import Ambiguous, Message, Passing, Permanent
from notifications.models import Delivery, Webhook

PREFIX = "whsec_"


def send(delivery: Delivery, message: Message) -> str:
    """Post the facts. The id stays the same however often this is tried, so a receiver can drop a repeat."""
    webhook = delivery.webhook
    if webhook is None:
        raise Permanent("There is no webhook any more.")
    happened = delivery.created_at.isoformat().replace("+00:00", "Z")
    body = json.dumps(
        {"type": delivery.verb, "timestamp": happened, "data": message.facts}, ensure_ascii=False
    ).encode()
    key, now = str(delivery.public_id), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ServiceFlow",
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": signatures(webhook, f"{key}.{now}.".encode() + body),
    }
    try:
        return http.require_taken(http.post(webhook.url, body, headers))
    except Ambiguous as unknown:
        # The receiver knows the id: another attempt is what the standard asks for.
        raise Passing(unknown.said) from None


def signatures(webhook: Webhook, content: bytes) -> str:
    """One by the secret and, while the receiver learns a new one, one by each that was replaced. Raises Unreadable."""
    secrets = [webhook.secret, *webhook.old_secrets()]
    return " ".join(f"v1,{_signature(secret, content)}" for secret in secrets)


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, content, sha256)).decode("ascii")
