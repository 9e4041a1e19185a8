"""manage.py evidence_pack SF-1042 --out DIR|FILE.zip: one ticket with its proof, for whoever trusts nobody here."""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from django.core.management.base import BaseCommand, CommandError

from accounts.acting import SYSTEM, Refused
from tickets import actions, evidence
from tickets.models import Ticket
from tickets.search import number_in


class Command(BaseCommand):
    help = (
        "Write everything about a ticket, internal notes and files too, with the proof that nothing was changed."
        " docs/verify_evidence.py checks it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ticket", help="SF-1042; a deleted one, too")
        parser.add_argument("--out", type=Path, required=True, help="a new folder, or a new file.zip")

    def handle(self, *args: Any, ticket: str, out: Path, **options: Any) -> None:
        number = number_in(ticket)
        found = Ticket.objects.filter(number=number).first() if number is not None else None
        if found is None:
            raise CommandError(f"There is no ticket {ticket}.")
        if out.exists():
            raise CommandError(f"{out} is there already.")
        with TemporaryDirectory(dir=out.parent, prefix=".evidence-") as beside:
            pack = Path(beside, "pack")
            try:
                if out.suffix == ".zip":
                    with pack.open("xb") as target, ZipFile(target, "w") as archive:
                        evidence.write(found, evidence.Zip(archive))
                else:
                    evidence.write(found, evidence.Folder(pack))
            except (Refused, OSError) as trouble:
                raise CommandError(f"{out} was not written: {trouble}") from None
            actions.note_evidence(found, by=SYSTEM)  # without a trace nothing goes out
            pack.rename(out)
        self.stdout.write(
            f"{out}: check it with docs/verify_evidence.py and a checkpoint that was kept elsewhere."
        )
