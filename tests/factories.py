"""People, teams and services for tests. Tickets are opened by the verb itself: see `opened` and `stand`."""

from collections.abc import Iterable
from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.acting import SYSTEM, Actor
from accounts.models import Membership, Team, User
from tickets import actions
from tickets.models import Service, Ticket

PASSWORD = "a long enough password"


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")


class UserFactory(DjangoModelFactory[User]):
    """`in_teams` and `leads` are teams; everybody's password is PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    full_name = factory.Sequence(lambda n: f"Person {n}")

    @factory.post_generation
    def password(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        self.set_password(extracted or PASSWORD)
        self.save(update_fields=["password"])

    @factory.post_generation
    def has_password(self: Any, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        """`has_password=False`: somebody who has not begun yet."""
        if extracted is False:
            self.set_unusable_password()
            self.save(update_fields=["password"])

    @factory.post_generation
    def in_teams(self: Any, create: bool, extracted: Iterable[Team] | None, **kwargs: Any) -> None:
        for team in extracted or ():
            Membership.objects.create(user=self, team=team)

    @factory.post_generation
    def leads(self: Any, create: bool, extracted: Iterable[Team] | None, **kwargs: Any) -> None:
        for team in extracted or ():
            Membership.objects.create(user=self, team=team, is_lead=True)


class ServiceFactory(DjangoModelFactory[Service]):
    class Meta:
        model = Service

    name_en = factory.Sequence(lambda n: f"Service {n}")
    name_ru = factory.LazyAttribute(lambda service: service.name_en)
    team = factory.SubFactory(TeamFactory)


def web(user: User) -> Actor:
    """Somebody at a browser."""
    return Actor(User.objects.with_teams().get(pk=user.pk), "web")


def opened(*, by: User, title: str = "VPN drops every ten minutes", **more: Any) -> Ticket:
    """A ticket that this person opened in the browser."""
    return actions.open_ticket(title=title, by=web(by), **more)


def stand(ticket: Ticket, status: str, *, assignee: User | None = None) -> Ticket:
    """Bring a NEW ticket to a status by the verbs themselves, acted by the desk.

    Statuses past NEW need an assignee, except CANCELED.
    """
    if assignee is not None:
        ticket = actions.give(ticket, to=assignee, by=SYSTEM)
    path = {
        "NEW": [],
        "IN_PROGRESS": ["IN_PROGRESS"],
        "WAITING": ["IN_PROGRESS", "WAITING"],
        "DONE": ["IN_PROGRESS", "DONE"],
        "CANCELED": ["CANCELED"],
    }[status]
    for step in path:
        ticket = actions.change_status(
            ticket, status=step, comment="No longer needed." * (step == "CANCELED"), by=SYSTEM
        )
    return ticket
