"""Mail by SMTP, over one connection for each thread."""

import smtplib
import ssl
import threading
import time
from email.utils import format_datetime

from django.conf import settings
from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from notifications.message import Ambiguous, Message, NotSent, NotSetUp, Passing, Permanent, message_id
from notifications.models import Delivery
from notifications.transports import mime, smtp

# Servers hang up on who is silent for some minutes, some after a hundred messages; a fresh connection costs little.
LONGEST_SILENCE = 20.0  # seconds

_own = threading.local()


def send(delivery: Delivery, message: Message) -> str:
    """Hand the mail to the server of MAIL_HOST."""
    if delivery.recipient is None:
        raise Permanent("Mail goes to people only.")
    if not settings.MAIL_HOST:
        raise NotSetUp("No mail server is set up (MAIL_HOST).")
    mail = _composed(delivery, message, to=message.to or delivery.recipient.email)
    backend = _backend()
    if not isinstance(backend, smtp.Backend):
        # A provider's own way, which has no phases.
        backend.send_messages([mail])
        return "accepted"
    fresh = backend.connection is None
    try:
        return _sent(backend, mail)
    except smtp.HungUp as gone:
        if fresh:
            raise Passing(gone.said) from None
    # The server had hung up while nobody spoke: nothing of this mail was said yet.
    return _sent(backend, mail)


def close() -> None:
    """End this thread's connection."""
    backend = getattr(_own, "backend", None)
    if isinstance(backend, smtp.Backend):
        backend.drop()


def forget() -> None:
    """End this thread's connection, and look at the trusted certificates anew."""
    close()
    _own.__dict__.clear()


def _backend() -> BaseEmailBackend:
    backend: BaseEmailBackend | None = getattr(_own, "backend", None)
    if backend is None or _own.of != settings.MAILERS:
        close()
        backend = mailers["default"]
        _own.backend, _own.of, _own.used = backend, settings.MAILERS, 0.0
    if time.monotonic() - _own.used > LONGEST_SILENCE:
        close()
    return backend


def _composed(delivery: Delivery, message: Message, *, to: str) -> mime.Mail:
    headers = {
        "Message-ID": message_id(delivery.public_id),
        "Date": format_datetime(timezone.now()),
        # RFC 3834; the second is Exchange's. Nobody is to answer this by a machine.
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        # Should it come back to us, we know it (tickets.inbound_email.senders).
        "X-Loop": settings.MAIL_DOMAIN,
    }
    if message.thread:
        headers["In-Reply-To"] = message.thread[-1]
        headers["References"] = " ".join(message.thread)
    if message.list_id:
        headers["List-Id"] = message.list_id
    mail = mime.Mail(
        subject=one_line(message.subject),
        body=message.text,
        to=[to],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={name: one_line(value) for name, value in headers.items()},
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def one_line(text: str) -> str:
    """What somebody has typed, as a header takes it: no control character begins a header of its own."""
    # Nearly always there is none.
    shown = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())


def _sent(backend: smtp.Backend, mail: mime.Mail) -> str:
    try:
        backend.begin()
        backend.send_messages([mail])
    except (OSError, smtplib.SMTPException) as trouble:
        raise _meant(trouble, phase=backend.phase) from None
    except ValueError:
        # BadHeaderError, or an address that cannot be written down.
        raise Permanent("The mail cannot be addressed.") from None
    finally:
        _own.used = time.monotonic()
        if backend.phase != smtp.DONE:
            backend.drop()
    return backend.answer


def _meant(trouble: Exception, *, phase: str) -> NotSent:
    """What the trouble means for this mail: see RFC 5321, 4.2.1 and 4.5.4.2."""
    if isinstance(trouble, smtplib.SMTPRecipientsRefused):
        [(code, said)] = trouble.recipients.values()
        return _refused("recipient", code, said)
    if isinstance(trouble, smtplib.SMTPDataError) and trouble.smtp_code > 0:
        return _refused("message", trouble.smtp_code, trouble.smtp_error)
    if phase == smtp.SAID:
        return Ambiguous(f"No answer after the message: {_kind(trouble)}")
    if isinstance(trouble, smtplib.SMTPResponseException) and trouble.smtp_code > 0:
        # A no to ourselves (greeting, TLS, sign-in, sender) is nothing that the recipient or the words can help. The
        # size is an exception: it is asked for with the sender.
        told = f"The server refuses us: {trouble.smtp_code}"
        return Permanent(told) if trouble.smtp_code == 552 else Passing(told)
    if isinstance(trouble, smtplib.SMTPNotSupportedError):
        unable = (
            "The server cannot do what MAIL_SECURITY or MAIL_USER ask for, or has no letters for the address."
        )
        return Passing(unable) if phase == smtp.CLOSED else Permanent(unable)
    hung_up = isinstance(trouble, ConnectionError | smtplib.SMTPServerDisconnected)
    if phase == smtp.OPEN and hung_up and not _is_late(trouble):
        return smtp.HungUp(f"The server hung up: {_kind(trouble)}")
    return Passing(f"No connection: {_kind(trouble)}")


def _refused(what: str, code: int, said: bytes | str) -> NotSent:
    told = f"The {what} is refused: {smtp.codes(code, said)}"
    # 421: the server goes away, whatever it was about.
    return Permanent(told) if code >= 500 else Passing(told, about_this=code != 421)


def _is_late(trouble: Exception) -> bool:
    # smtplib wraps what a socket says.
    return isinstance(trouble, TimeoutError) or "timed out" in str(trouble)


def _kind(trouble: Exception) -> str:
    if _is_late(trouble):
        return "it took too long"
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return "the certificate is not trusted"
    return type(trouble).__name__
