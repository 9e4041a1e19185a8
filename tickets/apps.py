"""The tickets app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

TICKET_VERBS = {
    "opened": _("Ticket opened"),
    "claimed": _("Ticket taken"),
    "assigned": _("Assignee chosen"),
    "handed_over": _("Ticket handed over"),
    "released": _("Ticket back in its queue"),
    "started": _("Work started"),
    "waiting": _("Ticket waits"),
    "resolved": _("Ticket resolved"),
    "canceled": _("Ticket canceled"),
    "reopened": _("Ticket reopened"),
    "closed": _("Ticket closed"),
    "edited": _("Subject or description changed"),
    "priority_set": _("Priority changed"),
    "service_set": _("Service of the ticket changed"),
    "tags_set": _("Tags changed"),
    "due_set": _("Due date changed"),
    "commented": _("Reply written"),
    "noted": _("Internal note written"),
    "attached": _("Files attached"),
    "watched": _("Follower added"),
    "unwatched": _("Follower removed"),
    "deleted": _("Ticket deleted"),
    "mail_held": _("Mail of an unverified sender held back"),
    "mail_released": _("Mail of an unverified sender put on the ticket"),
    "mail_refused": _("Mail of an unverified sender refused"),
    "sender_accepted": _("Sender of a mail confirmed"),
}
FILE_VERBS = {"checked": _("File checked"), "downloaded": _("File taken away")}
MAILBOX_VERBS = {"created": _("Mailbox added"), "changed": _("Mailbox changed")}
MAIL_VERBS = {
    "ignored": _("Mail ignored"),
    "quarantined": _("Mail put into quarantine"),
    "read_again": _("Mail read once more"),
    "source_read": _("Source of a mail read"),
}
EVIDENCE_VERBS = {"taken": _("Evidence of a ticket taken away")}
SERVICE_VERBS = {"created": _("Service added"), "changed": _("Service changed")}


class TicketsConfig(AppConfig):
    name = "tickets"
    verbose_name = _("Tickets")

    def ready(self) -> None:
        from accounts import departures
        from audit import trail, words
        from notifications import inbox, outbox
        from notifications.models import Kind
        from tickets import actions, letters, notices, reads, webhook_facts
        from tickets.models import Attachment, InboundMail, Mailbox, Service, Ticket

        departures.listen(actions.release_what_is_lost)
        trail.KEPT["ticket"] = reads.present_tickets
        trail.TOLD["service"] = reads.present_services
        outbox.COMPOSERS["ticket"] = letters.composer
        outbox.FACTS["ticket"] = webhook_facts.teller
        # What is internal is told to no other system, so none can ask for it.
        outbox.EVENTS |= {verb for verb, (kind, _who) in notices.AUDIENCES.items() if kind != Kind.NOTE}
        outbox.TOPICS.insert(0, webhook_facts.topics)
        inbox.TELLERS["ticket"] = letters.lines
        trail.TOLD["attachment"] = reads.present_files
        trail.CHECKS[:] = [reads.comment_faults, reads.file_faults]
        words.teach(
            "ticket",
            Ticket,
            verbs=TICKET_VERBS,
            fields={"watchers": _("followers"), "attachments": _("files")},
        )
        words.teach("attachment", Attachment, verbs=FILE_VERBS, security={"downloaded"})
        trail.TOLD["mailbox"] = reads.present_mailboxes
        trail.TOLD["mail"] = reads.present_mails
        words.teach("mailbox", Mailbox, verbs=MAILBOX_VERBS, security=MAILBOX_VERBS)
        words.teach("mail", InboundMail, verbs=MAIL_VERBS, security={"source_read"})
        words.teach("service", Service, verbs=SERVICE_VERBS)
        # Of a ticket, but no part of its history: that counts what was done to it.
        trail.TOLD["evidence"] = tuple
        words.teach("evidence", Ticket, verbs=EVIDENCE_VERBS, security=EVIDENCE_VERBS)
