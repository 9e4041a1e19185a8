"""Real mails through the real intake: an IMAP server, collect, the database, receive; and what became of them.

    DEBUG=1 .venv/bin/python benchmarks/inbound_mail.py [folder with mails]

Needs the development libraries and the corpora (see tests/shared.py). Works on a database of its own, which it drops.
Ends with 1 if a mail has not exactly one outcome, its source is not what the server gave, it took more than its time,
or too few are read as others read them.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickets.models import Mailbox

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings_test")


def main() -> int:
    import django
    from django.test.utils import setup_databases, teardown_databases

    from serviceflow import devdb
    from tests.shared import shared

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="?", type=Path, default=shared() / "corpora" / "mail")
    corpus: Path = parser.parse_args().corpus
    if not corpus.is_dir():
        parser.error(f"no mails in {corpus}")
    devdb.ensure_running()
    django.setup()
    databases = setup_databases(verbosity=0, interactive=False, keepdb=False)
    try:
        return measure(corpus)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(corpus: Path) -> int:
    from tests.factories import ServiceFactory, UserFactory
    from tests.tickets.mail import imap
    from tests.tickets.mail.corpus import mails
    from tickets import inbound_email
    from tickets.models import InboundMail, Mailbox

    unknown = UserFactory.create(email="unknown@example.com", full_name="Unknown sender")
    box = Mailbox(
        name="Corpus",
        address="desk@corpus.example",
        host="127.0.0.1",
        username="x",
        service=ServiceFactory.create(),
        stand_in=unknown,
    )
    files = {str(file.relative_to(corpus)): file.read_bytes() for file in mails(corpus)}
    with imap.server() as port:
        imap.points_at(box, port)
        uids, refused = put_all(port, files)
        began = time.monotonic()
        kept = 0
        while of_this_visit := inbound_email.collect(box):
            kept += of_this_visit
        fetched = time.monotonic() - began
    for uid, name in enumerate(refused):
        # As if another server had given them out: every mail has to come to an end.
        keep(box, files[name], uid=uid)
    slowest, faults = 0.0, 0
    for public_id in InboundMail.objects.order_by("uid").values_list("public_id", flat=True):
        began = time.monotonic()
        inbound_email.receive(str(public_id))
        slowest = max(slowest, time.monotonic() - began)
    became: Counter[str] = Counter()
    for mail in InboundMail.objects.all():
        became[mail.outcome] += 1
        faults += mail.outcome == "fetched" or sha256(bytes(mail.raw)).hexdigest() != mail.sha256
    print(
        f"{len(files)} mails: {kept} fetched in {fetched:.1f} s, {len(refused)} that pymap refuses put in by hand"
    )
    for outcome, count in became.most_common():
        print(f"  {outcome:12} {count:4}")
    print(f"slowest: {slowest:.2f} s (at most 5), each within 200 MB; faults: {faults}")
    enough = agreement(corpus, uids)
    right = kept + len(refused) == len(files) == became.total() and not faults and slowest < 5
    return 0 if right and enough else 1


def keep(box: "Mailbox", raw: bytes, *, uid: int) -> None:
    from tickets.models import InboundMail

    digest = sha256(raw).hexdigest()
    InboundMail.objects.create(mailbox=box, uid_validity=0, uid=uid, raw=raw, size=len(raw), sha256=digest)


def put_all(port: int, files: dict[str, bytes]) -> tuple[dict[str, int], list[str]]:
    """The UID of each file, and those that the server does not take."""
    from tests.tickets.mail import imap

    uids: dict[str, int] = {}
    refused: list[str] = []
    with imap.client(port) as there:
        for name, raw in files.items():
            status, said = there.append("INBOX", "", None, raw)
            found = re.search(rb"APPENDUID \d+ (\d+)", said[0] if status == "OK" else b"")
            if found:
                uids[name] = int(found[1])
            else:
                refused.append(name)
    return uids, refused


def agreement(corpus: Path, uids: dict[str, int]) -> bool:
    """Print how far we read what others read; whether that is far enough."""
    from tests.tickets.mail.corpus import GOALS, Agreement, Reading, told
    from tickets.mail import bounded
    from tickets.models import InboundMail

    agreed = Agreement()
    rows: dict[int, Any] = InboundMail.objects.in_bulk(field_name="id")
    by_uid = {mail.uid: mail for mail in rows.values() if mail.uid_validity}
    for expected in told(corpus):
        mail = by_uid.get(uids.get(expected["file"], -1))
        if mail is None:
            continue
        names = [file.name for file in bounded.read(bytes(mail.raw)).files]
        agreed.compare(expected, Reading(mail.sender, mail.subject, f"{mail.text}\n{mail.folded}", names))
    for what, goal in GOALS.items():
        share = agreed.share(what)
        print(
            f"  {what:17} {agreed.agreed[what]:3} of {agreed.asked[what]:3}  {share:6.1%}  (goal {goal:.0%})"
        )
    return all(agreed.share(what) >= goal for what, goal in GOALS.items())


if __name__ == "__main__":
    sys.exit(main())
