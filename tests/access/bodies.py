"""What each address is sent so that only the caller's rights are left to be refused: everything in it is right."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.access.world import World
from tests.accounts.test_admin import form_of
from tests.authenticators import code
from tests.factories import PASSWORD

# The world, what it is about, who sends it → the fields of a form, or of a JSON object.
type Body = Callable[[World, str, str], dict[str, Any]]


def _nothing(world: World, subject: str, caller: str) -> dict[str, Any]:
    return {}


def _kind(subject: str) -> str:
    return "secret-" if subject.startswith("secret-") else ""


def _file(_name: str = "log.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(_name, b"Reason 412", "text/plain")


def _profile(world: World, subject: str, caller: str) -> dict[str, Any]:
    return {"full_name": "Somebody Else", "language": "ru", "time_zone": "Europe/Berlin"}


def _changed_password(world: World, subject: str, caller: str) -> dict[str, Any]:
    new = "an even longer password"
    return {"current_password": PASSWORD, "password": new, "repeated": new}


def _app(world: World, subject: str, caller: str) -> dict[str, Any]:
    """The secret that the page has just shown, and what an app shows for it, which is good for a minute yet."""
    page = (
        world.client(caller).get(reverse("accounts:add_app")).content.decode()
        if caller in world.people
        else ""
    )
    signed = re.search(r'name="secret" value="([^"]+)"', page)
    secret = re.search(r'class="sf-key[^>]*>([A-Z2-7 ]+)<', page)
    return (
        {"secret": unescape(signed[1]), "code": code(secret[1], steps=1)}
        if signed and secret
        else {"code": "000000"}
    )


def _bulk(world: World, subject: str, caller: str) -> dict[str, Any]:
    ticket = world.tickets[subject]
    return {"action": "claim", "step": "confirm", "ticket": f"{ticket.public_id}:{ticket.version}"}


def _service(world: World) -> dict[str, Any]:
    return {"name_en": "Phones", "name_ru": "Телефоны", "team": world.team.pk, "is_active": "on"}


def _mailbox(world: World) -> dict[str, Any]:
    return {
        "name": "Post", "address": "post@example.com", "service": world.services["vpn"].pk, "is_active": "on",
        "host": "imap.example.com", "port": "993", "security": "tls", "username": "post", "password": "secret",
        "folder": "INBOX", "unverified": "ticket", "stand_in": world.people["vera"].pk,
    }  # fmt: skip


CHANNEL = {"name": "Chat", "transport": "slack", "language": "en", "token": "xoxb-1", "topics": ["all"],
           "address": "C024BE7LH", "is_active": "on"}  # fmt: skip
HOOK = {"name": "Watch", "url": "https://hooks.example.com/y", "topics": ["all"], "is_active": "on"}
NEW_USER = {"email": "new@example.com", "full_name": "New Person", "role": "AGENT", "language": "en",
            "time_zone": "UTC", "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}  # fmt: skip
NEW_PASSWORD = {"password": "an even longer password", "repeated": "an even longer password"}

FORMS: dict[str, Body] = {
    "accounts:profile": _profile,
    "accounts:sign_in": lambda w, s, c: {"email": "boris@example.com", "password": PASSWORD},
    "accounts:sign_out": _nothing,
    "accounts:sign_out_everywhere": _nothing,
    "accounts:leave_for": _nothing,
    "accounts:disconnect": _nothing,
    "accounts:confirm": lambda w, s, c: {"password": PASSWORD},
    "accounts:change_password": _changed_password,
    "accounts:add_app": _app,
    "accounts:add_passkey": lambda w, s, c: {"name": "Blue key", "credential": "{}"},
    "accounts:ask_passkey": lambda w, s, c: {"for": "add" if c in w.people else "sign_in"},
    "accounts:renew_codes": _nothing,
    "accounts:remove_factor": _nothing,
    "accounts:show_factor": lambda w, s, c: {"code": "000000"},
    "accounts:sign_in_by_passkey": lambda w, s, c: {"credential": "{}"},
    "accounts:forgot": lambda w, s, c: {"email": "boris@example.com"},
    "accounts:invitation": lambda w, s, c: NEW_PASSWORD | {"full_name": "Mallory", "language": "en"},
    "accounts:new_password": lambda w, s, c: NEW_PASSWORD,
    "accounts:email": lambda w, s, c: {"email": "mallory@example.com"},
    "accounts:confirm_email": _nothing,
    "accounts:stop_email": _nothing,
    "accounts:end_session": _nothing,
    "accounts:end_other_sessions": _nothing,
    "accounts:api_keys": lambda w, s, c: {"name": "Backup", "scopes": ["read"], "days": "30"},
    "accounts:revoke_key": _nothing,
    "accounts:rotate_key": _nothing,
    "accounts:choose_theme": lambda w, s, c: {"theme": "dark", "next": "/account/"},
    "accounts:choose_language": lambda w, s, c: {"language": "ru", "next": "/account/"},
    "notifications:read_all": lambda w, s, c: {"upto": str(w.notices[w.who(c) or "anna"].public_id)},
    "notifications:preferences": lambda w, s, c: {
        "digest": "daily", "begins": "22:00", "ends": "07:00", "reply-inbox": "on",
    },
    "tickets:next_one": _nothing,
    "tickets:bulk": _bulk,
    "tickets:new": lambda w, s, c: {
        "title": "A second screen", "description": "Please.", "service": w.services[s].public_id,
    },
    "tickets:claim": _nothing,
    "tickets:assign": lambda w, s, c: {"assignee": w.people["olga"].public_id},
    "tickets:hand_over": lambda w, s, c: {"to": f"agent:{w.people['olga'].public_id}"},
    "tickets:status": lambda w, s, c: {"to": "DONE", "comment": "Solved."},
    "tickets:cancel": lambda w, s, c: {"reason": "It works again."},
    "tickets:reopen": lambda w, s, c: {"comment": "It is back."},
    "tickets:edit": lambda w, s, c: {"title": "VPN drops every hour", "description": "Still."},
    "tickets:properties": lambda w, s, c: {"tags": "vpn, home", "initial-tags": "vpn"},
    "tickets:comment": lambda w, s, c: {
        "body": "Any news?", "visibility": "internal" if s.endswith("/note") else "public", "files": _file(),
    },
    "tickets:watch": lambda w, s, c: {"email": "noa@example.com"},
    "tickets:unwatch": lambda w, s, c: {"person": w.people["vera"].public_id},
    "tickets:accept_sender": lambda w, s, c: {"mail": w.mails[f"{_kind(s)}became"].public_id},
    "tickets:release_mail": lambda w, s, c: {"mail": w.mails[f"{_kind(s)}waiting"].public_id},
    "tickets:refuse_mail": lambda w, s, c: {"mail": w.mails[f"{_kind(s)}waiting"].public_id},
    "tickets:delete": lambda w, s, c: {"reason": "A doublet."},
    # --- Admin ---
    "admin:accounts_user_add": lambda w, s, c: NEW_USER,
    "admin:accounts_user_change": lambda w, s, c: form_of(w.people["boris"], full_name="Boris White"),
    "admin:accounts_user_invite": _nothing,
    "admin:accounts_user_password": lambda w, s, c: NEW_PASSWORD,
    "admin:accounts_user_second_factor": _nothing,
    "admin:accounts_team_add": lambda w, s, c: {"name": "Office", "is_active": "on"},
    "admin:accounts_team_change": lambda w, s, c: {"name": "Support", "is_active": "on"},
    "admin:accounts_apikey_add": lambda w, s, c: {
        "user": w.people["boris"].pk, "name": "Script", "scopes": ["read"], "days": "30",
    },
    "admin:tickets_service_add": lambda w, s, c: _service(w),
    "admin:tickets_service_change": lambda w, s, c: _service(w),
    "admin:tickets_mailbox_add": lambda w, s, c: _mailbox(w),
    "admin:tickets_mailbox_change": lambda w, s, c: _mailbox(w),
    "admin:notifications_channel_add": lambda w, s, c: CHANNEL,
    "admin:notifications_channel_change": lambda w, s, c: CHANNEL,
    "admin:notifications_webhook_add": lambda w, s, c: HOOK,
    "admin:notifications_webhook_change": lambda w, s, c: HOOK,
    "admin:notifications_delivery_test": _nothing,
    # Of lists: an action that there is, on a row that there is.
    "admin:accounts_apikey_changelist": lambda w, s, c: {
        "action": "revoke", "_selected_action": [w.keys["boris"].pk],
    },
    "admin:notifications_webhook_changelist": lambda w, s, c: {
        "action": "drop", "_selected_action": [w.webhook.pk],
    },
    "admin:notifications_delivery_changelist": lambda w, s, c: {
        "action": "send_again", "_selected_action": [w.delivery.pk],
    },
}  # fmt: skip

CALLS: dict[str, Body] = {
    "POST api:sign_in_link": _nothing,
    "POST api:sign_in_callback": lambda w, s, c: {"code": "x", "state": "y"},
    "POST api:tickets": lambda w, s, c: {"title": "A second screen", "service": str(w.services["vpn"].public_id)},
    "POST api:bulk": lambda w, s, c: {
        "ids": [str(w.tickets[s].public_id)], "verb": "set_priority", "arguments": {"priority": "HIGH"},
    },
    "POST api:claim_next": _nothing,
    "POST api:release_mail": _nothing,
    "POST api:refuse_mail": _nothing,
    "POST api:confirm_sender": _nothing,
    "PATCH api:ticket": lambda w, s, c: {"title": "VPN drops every hour"},
    "DELETE api:ticket": lambda w, s, c: {"reason": "A doublet."},
    "PATCH api:status": lambda w, s, c: {"status": "DONE", "comment": "Solved."},
    "POST api:claim": _nothing,
    "POST api:hand_over": lambda w, s, c: {"assignee": "olga@example.com", "comment": "You know it."},
    "POST api:reopen": lambda w, s, c: {"comment": "It is back."},
    "POST api:cancel": lambda w, s, c: {"reason": "It works again."},
    "POST api:comments": lambda w, s, c: {"body": "Any news?", "internal": s.endswith("/note")},
    "POST api:attachments": lambda w, s, c: {"file": _file()},
    "PUT api:watcher": _nothing,
    "DELETE api:watcher": _nothing,
    "POST api:users": lambda w, s, c: {"email": "new@example.com", "full_name": "New Person"},
    "PATCH api:user": lambda w, s, c: {"full_name": "Somebody Else"},
    "POST api:invitation": _nothing,
    "POST api:api_keys": lambda w, s, c: {
        "name": "Backup", "scopes": ["admin" if c in {"admin", "boss"} else "read"],
    },
    "DELETE api:api_key": _nothing,
    "POST api:rotate_api_key": _nothing,
    "POST api:webhooks": lambda w, s, c: {"name": "Watch", "url": "https://hooks.example.com/y", "topics": ["all"]},
    "PATCH api:webhook": lambda w, s, c: {"is_active": False},
    "DELETE api:webhook": _nothing,
    "POST api:rotate_webhook_secret": _nothing,
    "POST api:redeliver": _nothing,
    "POST older_tickets": lambda w, s, c: {"title": "A second screen", "description": "Please."},
    "PATCH older_status": lambda w, s, c: {"status": "DONE", "comment": "Solved."},
}  # fmt: skip
