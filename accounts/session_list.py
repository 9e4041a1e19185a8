"""allauth's table of sessions without what allauth does with it."""

from allauth.usersessions.apps import UserSessionsConfig


class SessionListConfig(UserSessionsConfig):  # type: ignore[misc]
    def ready(self) -> None:
        """Not looking at every open session of a person, one by one, whenever he signs in: accounts.sessions notes
        the new one, and accounts.upkeep forgets the old."""
