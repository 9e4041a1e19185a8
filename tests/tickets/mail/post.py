"""Mails as tests write them, and what the desk makes of them."""

from email.message import EmailMessage
from email.utils import make_msgid
from hashlib import sha256
from itertools import count
from typing import Any

from tickets import inbound_email
from tickets.models import InboundMail, Mailbox

BELIEVED = "mx.example.com"
_uids = count(1)


def letter(
    sender: str = "Anna Kuznetsova <anna@example.com>",
    *,
    text: str = "The VPN drops every ten minutes.",
    subject: str = "VPN",
    to: str = "desk@example.com",
    proven: bool = False,
    **fields: str,
) -> bytes:
    """A plain mail; `proven` has our own host say that DMARC passed. Further fields by name, with _ for -."""
    mail = EmailMessage()
    if proven:
        domain = sender.rpartition("@")[2].strip(">")
        mail["Authentication-Results"] = f"{BELIEVED}; spf=pass; dmarc=pass (p=none) header.from={domain}"
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Message-ID"] = fields.pop("Message_ID", None) or make_msgid(domain="elsewhere.example")
    for name, value in fields.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def crude(*lines: str, text: str = "The VPN drops.") -> bytes:
    """A mail with exactly these header lines."""
    return "\r\n".join([*lines, "", text]).encode()


def fetched(mailbox: Mailbox, raw: bytes) -> InboundMail:
    """The mail as it lies there before it is read."""
    return InboundMail.objects.create(
        mailbox=mailbox,
        uid_validity=1,
        uid=next(_uids),
        raw=raw,
        size=len(raw),
        sha256=sha256(raw).hexdigest(),
    )


def arrives(mailbox: Mailbox, raw: "bytes | None" = None, /, **told: Any) -> InboundMail:
    """What has become of a mail."""
    mail = fetched(mailbox, letter(**told) if raw is None else raw)
    inbound_email.receive(str(mail.public_id))
    mail.refresh_from_db()
    return mail
