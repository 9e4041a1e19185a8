"""What a mail says of itself, noted beside it: nothing of it is proven."""

from tickets.mail import bounded, zygote
from tickets.mail.message import ParsedMail
from tickets.models import InboundMail

LONGEST_HEADER = 16 * 1024  # bytes, where nothing but the header is read


def note_header(mail: InboundMail, source: bytes) -> None:
    """Who wrote and what about, of a mail that cannot be read as a whole: whoever looks at it must find his way."""
    head = source[:LONGEST_HEADER].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    try:
        note_names(mail, bounded.read(head + b"\r\n\r\n", seconds=zygote.SECONDS_FOR_HEADER))
    except bounded.NotRead:
        return


def note_names(mail: InboundMail, parsed: ParsedMail) -> None:
    mail.message_id, mail.subject = parsed.message_id[:998], parsed.subject[:998]
    mail.sender, mail.sender_name = parsed.sender.address[:320], parsed.sender.name[:200]
