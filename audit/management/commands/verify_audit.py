"""manage.py verify_audit: prove the audit trail, or name the first row where it does not hold."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Q, Sum

from audit import seals, signing, trail
from audit.models import Event, Seal
from audit.snapshot import one_moment


class Command(BaseCommand):
    help = (
        "Prove that no event was changed, that none was taken away or slipped in since it was sealed, and that"
        " histories fold to the present. Ends with 1 at a fault."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoint",
            metavar="LINE",
            help="a line of audit_checkpoint, or of the log, that was kept elsewhere",
        )

    def handle(self, *args: Any, checkpoint: str | None = None, **options: Any) -> None:
        kept = self._read(checkpoint) if checkpoint else None
        with one_moment():
            fault = trail.first_fault(seals.faults(kept))
            count = Event.objects.count()
            sealed = Seal.objects.aggregate(
                seals=Count("number"), events=Sum("count"), signed=Count("number", filter=~Q(signer=""))
            )
        if fault is not None:
            raise CommandError(f"The audit does not hold. First fault: {fault}")
        self.stdout.write(
            self.style.SUCCESS(f"The audit holds: {count} events, every row as it was written.")
        )
        self.stdout.write(
            f"Gapless, and folded to how it stands: {' and '.join(trail.KEPT)}, with every comment and watcher.\n"
            f"As their events last said: {', '.join(trail.TOLD)}.\n"
            f"Sealed: {sealed['events'] or 0} events in {sealed['seals']} seals, {self._signed(sealed['signed'])};"
            f" {self._against(kept)}. Not seen: what was done to an event before it was sealed, to one of these that"
            " nobody ever spoke of, and to what no event tells, as passwords (docs/security.md)."
        )

    def _read(self, line: str) -> seals.Checkpoint:
        try:
            checkpoint = seals.read(line)
        except ValueError:
            raise CommandError("This is no line of audit_checkpoint.") from None
        if not seals.is_believed(checkpoint):
            raise CommandError(
                "The signature of this checkpoint is missing, wrong, or of a key that nobody trusts."
            )
        return checkpoint

    def _signed(self, signed: int) -> str:
        """Once one is signed all that follow are: of those before nobody knows who has made them."""
        if not signing.trusted():
            return "nobody asked who signed them"
        return f"the last {signed} of them signed by a key that is known"

    def _against(self, checkpoint: seals.Checkpoint | None) -> str:
        if checkpoint is None:
            return "whether the last ones were cut off, or all were made anew, tells --checkpoint"
        return f"up to seal {checkpoint.number} the same as in the checkpoint"
