"""Mail by SMTP."""

import smtplib
from email.utils import format_datetime

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from notifications.message import Message, Passing, Permanent
from notifications.models import Delivery


def send(delivery: Delivery, message: Message) -> str:
    """Hand the mail to the server of MAIL_HOST."""
    if delivery.recipient is None:
        raise Permanent("Mail goes to people only.")
    headers = {
        "Message-ID": f"<{delivery.public_id.hex}@{settings.MAIL_DOMAIN}>",
        "Date": format_datetime(timezone.now()),
        "Auto-Submitted": "auto-generated",
    }
    if message.thread:
        headers["In-Reply-To"] = message.thread[-1]
        headers["References"] = " ".join(message.thread)
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[delivery.recipient.email],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers=headers,
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        raise (Permanent if code >= 500 else Passing)(f"{code} {said!r}") from None
    except (OSError, smtplib.SMTPException) as trouble:
        raise Passing(type(trouble).__name__) from None
    return "accepted"
