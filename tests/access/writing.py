"""What every address takes, and which columns it may change: written by hand, to be read.

`+table` are rows that come, `-table` rows that go. Whatever has no line here takes nothing that has a name of its own
and changes nothing. Files are sent as `files` in pages and as `file` in the API.
"""
# ruff: noqa: E501 (tables are read across)

from dataclasses import dataclass


@dataclass(frozen=True)
class Written:
    takes: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


# With every verb: its event, those who hear of it, the jobs that tell them, and the marks of time on its ticket.
ANYWAY = frozenset(
    {
        "+audit_event",
        "+notifications_delivery",
        "+procrastinate_jobs",
        "+procrastinate_events",
        "+usersessions_usersession",
        "tickets_ticket.version",
        "tickets_ticket.updated_at",
        "tickets_ticket.first_responded_at",
        "tickets_ticket.search",
        "tickets_ticket.urgency",
    }
)

# What changes no table when it is sent here: it is about the session alone, is left to a job, has nothing to do for
# whoever sends it, or needs somebody who answers. The named tests show what comes of those that can do more.
NOTHING_HERE = frozenset(
    {
        "POST accounts:add_passkey",  # tests/accounts/test_second_factor.py
        "POST accounts:ask_passkey",
        "POST accounts:confirm",
        "POST accounts:end_other_sessions",  # tests/accounts/pages/test_sessions.py
        "POST accounts:end_session",
        "POST accounts:forgot",  # tests/accounts/pages/test_new_password.py
        "POST accounts:leave_for",  # tests/accounts/pages/test_providers.py
        "POST accounts:show_factor",
        "POST accounts:sign_in_by_passkey",
        "POST accounts:sign_out",
    }
)
# Of admin: pages that take nothing, those that only show, and lists without an action.
NOTHING_IN_ADMIN = frozenset(
    f"POST admin:{page}"
    for page in (
        "accounts_team_changelist",
        "accounts_user_changelist",
        "app_list",
        "audit_event_changelist",
        "audit_securityevent_changelist",
        "index",
        "login",
        "logout",
        "notifications_channel_changelist",
        "notifications_delivery_test",
        "password_change",
        "password_change_done",
        "tickets_inboundmail_changelist",
        "tickets_inboundmail_source",
        "tickets_mailbox_changelist",
        "tickets_service_changelist",
        "tickets_tag_changelist",
        "tickets_ticket_change",
        "tickets_ticket_changelist",
    )
)

# Older integrations may send what nobody asked for; it is not heeded.
LENIENT = frozenset({"older_tickets", "older_status"})

_PAGES = """
route                                          takes                                                        | writes

POST accounts:sign_in                          email password next                                          | accounts_user.last_login
POST accounts:choose_theme                     theme next                                                   | accounts_user.theme
POST accounts:choose_language                  language next                                                | accounts_user.language
POST accounts:profile                          full_name language time_zone shortcuts                       | accounts_user.full_name accounts_user.language accounts_user.time_zone accounts_user.shortcuts
POST accounts:confirm                          password next                                                |
POST accounts:change_password                  current_password password repeated                           | accounts_user.password accounts_user.session_salt
POST accounts:sign_out_everywhere                                                                           | accounts_user.session_salt
POST accounts:disconnect                                                                                    | -socialaccount_socialaccount
POST accounts:invitation                       full_name language password repeated                         | accounts_user.full_name accounts_user.language accounts_user.password accounts_user.session_salt accounts_user.last_login
POST accounts:new_password                     password repeated                                            | accounts_user.password accounts_user.session_salt
POST accounts:email                            email                                                        | +accounts_link accounts_link.ended_at
POST accounts:confirm_email                                                                                 | accounts_user.email accounts_link.ended_at +accounts_link
POST accounts:stop_email                                                                                    | accounts_link.ended_at
POST accounts:add_app                          code secret next                                             | +mfa_authenticator accounts_user.session_salt
POST accounts:remove_factor                                                                                 | -mfa_authenticator accounts_user.session_salt
POST accounts:renew_codes                                                                                   | mfa_authenticator.data
POST accounts:api_keys                         name scopes days form_name                                   | +accounts_apikey
POST accounts:revoke_key                                                                                    | accounts_apikey.revoked_at
POST accounts:rotate_key                                                                                    | accounts_apikey.replaced_at accounts_apikey.expires_at +accounts_apikey
POST notifications:read_all                    upto                                                         | notifications_delivery.read_at
POST notifications:preferences                 digest begins ends slack telegram                            | +notifications_preference +notifications_quiet

POST tickets:new                               service title description priority requester assignee team tags due_at files form_name | +tickets_ticket +tickets_tag +tickets_attachment
POST tickets:next_one                          next                                                         | tickets_ticket.assignee_id
POST tickets:bulk                              action step ticket all list next assignee to comment priority team note | tickets_ticket.assignee_id
POST tickets:claim                             version next form_name                                       | tickets_ticket.assignee_id
POST tickets:assign                            version next form_name assignee                              | tickets_ticket.assignee_id
POST tickets:hand_over                         version next form_name to note                               | tickets_ticket.assignee_id +tickets_comment
POST tickets:status                            version next form_name to comment                            | tickets_ticket.status tickets_ticket.resolved_at tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
POST tickets:cancel                            version next form_name reason                                | tickets_ticket.status tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
POST tickets:reopen                            version next form_name comment                               | tickets_ticket.status tickets_ticket.resolved_at tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
POST tickets:edit                              version next form_name title description                     | tickets_ticket.title tickets_ticket.description
POST tickets:properties                        version next form_name priority service tags due_at          | tickets_ticket.tags +tickets_tag
POST tickets:comment                           version next form_name visibility body files then            | +tickets_comment +tickets_attachment
POST tickets:watch                             version next form_name email                                 | +tickets_watch
POST tickets:unwatch                           version next form_name person                                | -tickets_watch
POST tickets:accept_sender                     version next form_name mail                                  | tickets_ticket.requester_id tickets_inboundmail.proof
POST tickets:release_mail                      version next form_name mail chosen                           | +tickets_comment tickets_inboundmail.outcome tickets_inboundmail.comment_id tickets_inboundmail.received_at
POST tickets:refuse_mail                       version next form_name mail                                  | tickets_inboundmail.outcome tickets_inboundmail.reasons tickets_inboundmail.received_at
POST tickets:delete                            version next form_name reason                                | tickets_ticket.deleted_at

POST admin:accounts_user_add                   email full_name language time_zone role password             | +accounts_user
POST admin:accounts_user_change                email full_name language time_zone role is_active            | accounts_user.full_name
POST admin:accounts_user_invite                                                                             | +accounts_link accounts_link.ended_at
POST admin:accounts_user_second_factor                                                                      | -mfa_authenticator accounts_user.session_salt
POST admin:accounts_user_password              password repeated                                            | accounts_user.password accounts_user.session_salt
POST admin:accounts_team_add                   name is_active                                               | +accounts_team
POST admin:accounts_team_change                name is_active                                               | accounts_team.name
POST admin:accounts_apikey_add                 user name scopes days form_name                              | +accounts_apikey
POST admin:accounts_apikey_changelist          action                                                       | accounts_apikey.revoked_at
POST admin:notifications_channel_add           name transport address token language is_active topics kinds | +notifications_channel
POST admin:notifications_channel_change        name transport address token language is_active topics kinds | notifications_channel.name notifications_channel.token_sealed notifications_channel.token_set_at
POST admin:notifications_webhook_add           name url is_active topics events                             | +notifications_webhook
POST admin:notifications_webhook_change        name url is_active topics events                             | notifications_webhook.name notifications_webhook.url
POST admin:notifications_webhook_changelist    action                                                       | notifications_webhook.deleted_at notifications_webhook.is_active notifications_webhook.secret_sealed notifications_delivery.state notifications_delivery.said notifications_delivery.finished_at
POST admin:notifications_delivery_changelist   action                                                       | notifications_delivery.state notifications_delivery.due_at notifications_delivery.again_at notifications_delivery.finished_at
POST admin:tickets_service_add                 team confidential is_active name_en name_ru description_en description_ru | +tickets_service
POST admin:tickets_service_change              team confidential is_active name_en name_ru description_en description_ru | tickets_service.name_en tickets_service.name_ru
POST admin:tickets_mailbox_add                 name address service team is_active host port security username password folder done_folder authserv_id trusted_domains unverified stand_in | +tickets_mailbox
POST admin:tickets_mailbox_change              name address service team is_active host port security username password folder done_folder authserv_id trusted_domains unverified stand_in | tickets_mailbox.name tickets_mailbox.address tickets_mailbox.username tickets_mailbox.generation tickets_mailbox.password_sealed tickets_mailbox.password_set
"""

_CALLS = """
route                              takes                                                                    | writes

POST api:tickets                   title description service priority requester assignee team tags due due_at fields | +tickets_ticket +tickets_tag
PATCH api:ticket                   title description priority service tags due due_at                       | tickets_ticket.title
DELETE api:ticket                  reason                                                                   | tickets_ticket.deleted_at
POST api:bulk                      ids verb arguments dry_run                                               | tickets_ticket.priority
POST api:claim_next                                                                                         | tickets_ticket.assignee_id
POST api:claim                                                                                              | tickets_ticket.assignee_id
PATCH api:status                   status assignee waiting_for comment                                      | tickets_ticket.status tickets_ticket.resolved_at tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
POST api:hand_over                 assignee team comment                                                    | tickets_ticket.assignee_id +tickets_comment
POST api:reopen                    comment                                                                  | tickets_ticket.status tickets_ticket.resolved_at tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
POST api:cancel                    reason comment                                                           | tickets_ticket.status tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
POST api:comments                  body internal attachments                                                | +tickets_comment
POST api:attachments               file internal                                                            | +tickets_attachment
PUT api:watcher                                                                                             | +tickets_watch
DELETE api:watcher                                                                                          | -tickets_watch
POST api:users                     email full_name role language time_zone team_ids issue_api_key           | +accounts_user
PATCH api:user                     email full_name role language time_zone is_active team_ids               | accounts_user.full_name
POST api:invitation                                                                                         | +accounts_link accounts_link.ended_at
POST api:release_mail              files                                                                    | +tickets_comment tickets_inboundmail.outcome tickets_inboundmail.comment_id tickets_inboundmail.received_at
POST api:refuse_mail                                                                                        | tickets_inboundmail.outcome tickets_inboundmail.reasons tickets_inboundmail.received_at
POST api:confirm_sender                                                                                     | tickets_ticket.requester_id tickets_inboundmail.proof
POST api:api_keys                  name scopes expires_at                                                   | +accounts_apikey
DELETE api:api_key                                                                                          | accounts_apikey.revoked_at
POST api:rotate_api_key                                                                                     | accounts_apikey.replaced_at accounts_apikey.expires_at +accounts_apikey
POST api:webhooks                  name url topics events                                                   | +notifications_webhook
PATCH api:webhook                  name url topics events is_active                                         | notifications_webhook.is_active
DELETE api:webhook                                                                                          | notifications_webhook.deleted_at notifications_webhook.is_active notifications_webhook.secret_sealed notifications_delivery.state notifications_delivery.said notifications_delivery.finished_at
POST api:rotate_webhook_secret                                                                              | notifications_webhook.secret_sealed notifications_webhook.old_secret_sealed notifications_webhook.old_secret_until
POST api:redeliver                                                                                          | notifications_delivery.state notifications_delivery.due_at notifications_delivery.again_at notifications_delivery.finished_at
POST older_tickets                 title description service priority requester assignee team tags due due_at fields | +tickets_ticket +tickets_tag
PATCH older_status                 status assignee waiting_for comment                                      | tickets_ticket.status tickets_ticket.resolved_at tickets_ticket.finished_at tickets_ticket.finished_by_id +tickets_comment
"""


def _read(text: str) -> dict[str, Written]:
    found = {}
    for row in text.strip().splitlines()[1:]:
        if row.strip():
            asked, _bar, writes = row.partition("|")
            method, route, *takes = asked.split()
            found[f"{method} {route}"] = Written(frozenset(takes), frozenset(writes.split()))
    return found


WRITING = _read(_PAGES) | _read(_CALLS)
