"""Mails as they are found in the wild: all of them are read, within bounds, and mostly as others read them."""

import json

from tests.shared import real
from tests.tickets.mail.corpus import GOALS, Agreement, Reading, mails, told
from tickets.mail import bounded, folding, message


def test_every_mail_is_read_within_its_bounds() -> None:
    corpus = real("corpora/mail")
    read = [bounded.read(file.read_bytes()) for file in mails(corpus)]
    assert len(read) > 800


def test_we_read_what_others_read() -> None:
    """`benchmarks/inbound_mail.py` asks the same of the whole way from the mailbox to the database."""
    corpus = real("corpora/mail")
    agreement = Agreement()
    for expected in told(corpus):
        mail = message.read((corpus / expected["file"]).read_bytes())
        whole = f"{mail.text}\n{mail.folded}"
        names = [file.name for file in mail.files]
        agreement.compare(expected, Reading(mail.sender.address, mail.subject, whole, names))
    for what, goal in GOALS.items():
        assert agreement.share(what) >= goal, [each for each in agreement.differing if each[1] == what]


def test_the_answers_of_twelve_clients_are_folded() -> None:
    corpus = real("corpora/mail")
    for line in (corpus / "_expected" / "talon.jsonl").read_text().splitlines():
        expected = json.loads(line)
        mail = message.read((corpus / expected["file"]).read_bytes())
        said = f"{mail.text}\n\n{mail.signature}" if mail.signature else mail.text
        assert " ".join(said.split()) == " ".join(expected["reply_text"].split()), expected["file"]


def test_folding_loses_no_line() -> None:
    corpus = real("corpora/mail")
    for file in mails(corpus):
        mail = message.read(file.read_bytes())
        text = f"{mail.text}\n{mail.folded}"
        folded = folding.fold(text)
        whole = f"{folded.visible}\n{folded.signature}\n{folded.quoted}".split()
        assert sorted(whole) == sorted(text.split()), file
