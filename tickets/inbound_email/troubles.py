"""What keeps the desk from a mailbox: a code and, where they help, the server's own words; see Fault."""

import imaplib
import socket
import ssl

from imap_tools.errors import (
    ImapToolsError,
    MailboxCopyError,
    MailboxFolderSelectError,
    MailboxLoginError,
)

from accounts.sealed import Unreadable
from tickets.models.mail import Fault

Trouble = (OSError, imaplib.IMAP4.error, ImapToolsError, Unreadable, ValueError)


class NotPrivate(ValueError):
    """Without encryption only this very machine is spoken to."""


class NoFolder(ValueError):
    """The folder for fetched mail is not there."""


class TooMuch(ValueError):
    """The server announces more than any mail may have."""


class NotGiven(Exception):
    """The server refuses to give out a mail, and goes on talking."""


# What OpenSSL calls a certificate that we do not trust (X509_V_ERR_…).
_EXPIRED, _OF_ANOTHER_NAME, _OF_NOBODY_KNOWN = {10}, {62, 64}, {18, 19, 20, 21}


def described(trouble: Exception) -> tuple[Fault, str]:
    """What is wrong, for administrators: without the password, which some servers repeat."""
    match trouble:
        case ssl.SSLCertVerificationError():
            return _of_certificate(trouble)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Fault.HUNG_UP, ""
        case ssl.SSLError():
            return Fault.NO_TLS, ""
        case TimeoutError():
            return Fault.SILENT, ""
        case socket.gaierror() | UnicodeError():
            return Fault.NO_SUCH_NAME, ""
        case ConnectionRefusedError():
            return Fault.NOBODY_LISTENS, ""
        case ConnectionError():
            return Fault.HUNG_UP, ""
        case OSError():
            return Fault.UNREACHABLE, trouble.strerror or type(trouble).__name__
        case NotPrivate():
            return Fault.NOT_PRIVATE, ""
        case MailboxLoginError():
            return Fault.SIGN_IN, ""
        case NoFolder() | MailboxCopyError() | MailboxFolderSelectError():
            return Fault.FOLDER, ""
        case Unreadable():
            return Fault.SEALED, ""
        case TooMuch():
            return Fault.TOO_MUCH, ""
        case imaplib.IMAP4.abort() | ValueError():
            return _of_talk(str(trouble)), ""
    return Fault.REFUSED, ""


def _of_certificate(trouble: ssl.SSLCertVerificationError) -> tuple[Fault, str]:
    code = trouble.verify_code
    if code in _EXPIRED:
        return Fault.CERTIFICATE_EXPIRED, ""
    if code in _OF_ANOTHER_NAME:
        return Fault.CERTIFICATE_OF_ANOTHER, ""
    if code in _OF_NOBODY_KNOWN:
        return Fault.CERTIFICATE_UNKNOWN, ""
    return Fault.CERTIFICATE, trouble.verify_message


def _of_talk(said: str) -> Fault:
    """imaplib has one exception for all of these, told apart by its own words."""
    if "TLS not supported" in said:
        return Fault.NO_STARTTLS
    hung_up = "EOF" in said or "socket error" in said
    return Fault.HUNG_UP if hung_up else Fault.NOT_IMAP
