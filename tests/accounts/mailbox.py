"""The mails that people get about their accounts, and the links in them."""

import re
from dataclasses import dataclass
from email.message import EmailMessage

from django.conf import settings
from django.test import Client
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.mail_server import MailServer

LINK = re.compile(r"https?://[^\s\"<>]+/account/link/[^\s\"<>]+")


def work_off() -> None:
    """Do the jobs that wait, as a worker does, until none is left."""
    done: set[int] = set()
    while job := ProcrastinateJob.objects.filter(status="todo").exclude(pk__in=done).order_by("pk").first():
        done.add(job.pk)
        app.tasks[job.task_name](**job.args)


@dataclass
class Mailbox:
    server: MailServer

    def all_to(self, address: str) -> list[EmailMessage]:
        """What this address has got so far, once every job is done."""
        work_off()
        return [one.mail for one in self.server.taken if one.to == address]

    def last_to(self, address: str) -> EmailMessage:
        return self.all_to(address)[-1]

    def link_to(self, address: str) -> str:
        """The path of the link in the last mail to this address."""
        return path_in(self.last_to(address))


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def path_in(mail: EmailMessage) -> str:
    """The path of the one link that a mail brings, the same in text and HTML, and from BASE_URL."""
    found = set(LINK.findall(text_of(mail))) | set(LINK.findall(text_of(mail, "html")))
    assert len(found) == 1, found
    [link] = found
    assert link.startswith(f"{settings.BASE_URL}/account/link/")
    return str(link).removeprefix(settings.BASE_URL)


def followed(browser: Client, path: str) -> str:
    """Follow a link of a mail; answers the clean address where it leads, or nothing where it is over."""
    answer = browser.get(path)
    if answer.status_code == 302:
        return str(answer["Location"])
    assert answer.status_code == 410
    assert "can no longer be used" in answer.content.decode()
    return ""
