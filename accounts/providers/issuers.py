"""Whom the desk believes when he says who somebody is: the providers of SIGN_IN_PROVIDERS. See docs/sign-in.md."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

ROLES = ("EMPLOYEE", "AGENT", "ADMIN")  # from the least
DISCORD, OIDC = "discord", "openid_connect"
EVERY_DOMAIN = "*"
_ID = re.compile(r"[a-z][a-z0-9-]{0,39}")
_DOMAIN = re.compile(r"\*|[a-z0-9-]+(\.[a-z0-9-]+)+")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Wrong(ValueError):
    """What is wrong with the setting, for whoever starts the desk."""


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """One provider. Whoever he names is known by `url` and the subject he gives, and by nothing else."""

    id: str  # of our own addresses
    name: str  # on the button
    client_id: str
    kind: str = OIDC
    url: str = ""
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    # Of these domains he knows who owns which address.
    trusted_domains: frozenset[str] = frozenset()
    # Whose people get an account by themselves, be it for the address or for a group.
    account_domains: frozenset[str] = frozenset()
    account_groups: frozenset[str] = frozenset()
    groups_claim: str = "groups"
    agent_groups: frozenset[str] = frozenset()
    admin_groups: frozenset[str] = frozenset()
    highest_role: str = "AGENT"
    guild: str = ""  # of Discord: the server whose members and roles are the groups

    LISTS: ClassVar = (
        "trusted_domains", "account_domains", "account_groups", "agent_groups", "admin_groups", "scopes",
    )  # fmt: skip

    def vouches_for(self, email: str) -> bool:
        """Whether an address that he calls verified surely belongs to whom he names."""
        return _covers(self.trusted_domains, email)

    def makes_account_for(self, email: str, groups: Collection[str] | None) -> bool:
        return _covers(self.account_domains, email) or not self.account_groups.isdisjoint(groups or ())

    @property
    def maps_roles(self) -> bool:
        """Whether what he says of groups decides roles."""
        return bool(self.agent_groups or self.admin_groups)

    def role_for(self, groups: Collection[str] | None, *, now: str) -> str:
        """The role of somebody with these groups who has had another until now.

        Without a mapping, or where he says nothing of groups, it stays what it is; so it does above `highest_role`,
        which is none of his business.
        """
        if groups is None or not self.maps_roles:
            return now
        highest = ROLES.index(self.highest_role)
        if ROLES.index(now) > highest:
            return now
        wished = 0
        if not self.agent_groups.isdisjoint(groups):
            wished = 1
        if not self.admin_groups.isdisjoint(groups):
            wished = 2
        return ROLES[min(wished, highest)]


def _covers(domains: frozenset[str], email: str) -> bool:
    domain = email.rpartition("@")[2].lower()
    return EVERY_DOMAIN in domains or domain in domains


# --- Reading the setting -------------------------------------------------------------------------


def read(document: str, *, plain: bool) -> tuple[Issuer, ...]:
    """The providers of a JSON list. `plain`: those on this very machine may do without TLS. Raises Wrong."""
    try:
        entries = json.loads(document or "[]")
    except ValueError:
        raise Wrong("must be a JSON list of providers") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Wrong("must be a JSON list of providers")
    issuers = tuple(_read(entry, f"[{number}]", plain=plain) for number, entry in enumerate(entries))
    for name in ("id", "url"):
        values = [getattr(issuer, name) for issuer in issuers]
        if twice := {value for value in values if values.count(value) > 1}:
            raise Wrong(f"names {', '.join(sorted(twice))} twice")
    return issuers


def _read(entry: dict[str, Any], where: str, *, plain: bool) -> Issuer:
    known = Issuer.__dataclass_fields__
    if unknown := sorted(entry.keys() - known.keys()):
        raise Wrong(f"{where} has an unknown {unknown[0]!r}")
    values: dict[str, Any] = {"kind": OIDC, "id": "", "name": "", "client_id": ""} | entry
    for name, value in values.items():
        if name in Issuer.LISTS:
            if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
                raise Wrong(f"{where}.{name} must be a list of words")
            kind = tuple if name == "scopes" else frozenset
            values[name] = kind(each.lower() if name.endswith("_domains") else each for each in value)
        elif not isinstance(value, str):
            raise Wrong(f"{where}.{name} must be a text")
    if values["kind"] == DISCORD:
        values = _as_discord(values)
    issuer = Issuer(**values)
    for name, reason in _faults(issuer, plain=plain):
        raise Wrong(f"{where}.{name} {reason}")
    return issuer


def _as_discord(values: dict[str, Any]) -> dict[str, Any]:
    scopes = ("identify", "email", *(("guilds.members.read",) if values.get("guild") else ()))
    common = {"url": "https://discord.com", "scopes": scopes}
    return common | values | {"name": values["name"] or "Discord", "id": values["id"] or DISCORD}


def _faults(issuer: Issuer, *, plain: bool) -> list[tuple[str, str]]:
    url = urlsplit(issuer.url)
    here = plain and url.hostname in _LOOPBACK and url.scheme == "http"
    is_address = bool(url.hostname and (url.scheme == "https" or here) and len(issuer.url) <= 200)
    trusted, accounts = issuer.trusted_domains, issuer.account_domains
    tests: list[tuple[str, object, str]] = [
        ("kind", issuer.kind in {DISCORD, OIDC}, f"must be {OIDC} or {DISCORD}"),
        ("id", _ID.fullmatch(issuer.id), "must be small letters, digits and -"),
        ("name", 0 < len(issuer.name.strip()) <= 40, "must have 1 to 40 characters"),
        ("client_id", 0 < len(issuer.client_id) <= 190, "must have 1 to 190 characters"),
        (
            "url",
            is_address and not (url.query or url.fragment or url.username),
            "must be the https:// address that the provider calls itself by (its issuer)",
        ),
        ("trusted_domains", all(map(_DOMAIN.fullmatch, trusted)), "must be domains such as example.com"),
        (
            "account_domains",
            all(map(_DOMAIN.fullmatch, accounts)) and EVERY_DOMAIN not in accounts,
            "must be domains such as example.com; whoever has an account there is a group of account_groups",
        ),
        # Otherwise somebody else's provider could take an address before its owner does.
        ("account_domains", accounts <= trusted or EVERY_DOMAIN in trusted, "must be among trusted_domains"),
        ("highest_role", issuer.highest_role in ROLES, f"must be one of {', '.join(ROLES)}"),
        (
            "admin_groups",
            not issuer.admin_groups or issuer.highest_role == "ADMIN",
            'count for nothing unless highest_role is "ADMIN"',
        ),
        (
            "guild",
            not issuer.guild or (issuer.kind == DISCORD and issuer.guild.isdecimal()),
            "is the number of a server of Discord's",
        ),
    ]
    return [(name, reason) for name, is_right, reason in tests if not is_right]
