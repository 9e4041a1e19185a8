# ruff: noqa: E501 (tables are read across)
"""Who is answered what at every address of the desk: written by hand from the specification, to be read.

ok        done, shown, or led on to where that stands
sign-in   led to the page that asks who one is
start     led to the start page: this one is for agents
same      led on as if it were done, and nothing has changed: it is somebody else's, and he has none like it
401 …     refused with that status; 404 is what somebody may not know of

A line says what is asked, about what, how, and what each of these gets: a stranger; Anna, who asked for the tickets;
Boris, another employee; Igor, an agent of the tickets' team; Sam, an agent of another one; Lena, who leads the
tickets' team; Maria, an administrator. What is called secret is of a confidential service. Boris and Sam are the ones
to look at there. Who has come by a link has followed the one in a mail, whose page this is: Nick's, who is invited, or
Anna's.

A new address gets a line here; if it takes something by POST, also what it is sent in tests/access/bodies.py.
"""

PAGES = """
route                                         subject          method  stranger anna    boris   igor    sam     lena    maria

live                                          -                GET     ok       ok      ok      ok      ok      ok      ok
ready                                         -                GET     ok       ok      ok      ok      ok      ok      ok
jobs                                          -                GET     503      503     503     503     503     503     503
metrics                                       -                GET     404      404     404     404     404     404     404

accounts:sign_in                              -                GET     ok       start   start   start   start   start   start
accounts:sign_in                              -                POST    start    start   start   start   start   start   start
accounts:sign_out                             -                POST    sign-in  sign-in sign-in sign-in sign-in sign-in sign-in
accounts:sign_out_everywhere                  -                POST    sign-in  sign-in sign-in sign-in sign-in sign-in sign-in
accounts:leave_for                            -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:come_back                            -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:disconnect                           -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:choose_theme                         -                POST    ok       ok      ok      ok      ok      ok      ok
accounts:choose_language                      -                POST    ok       ok      ok      ok      ok      ok      ok
accounts:profile                              -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:profile                              -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:confirm                              -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:confirm                              -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:change_password                      -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:change_password                      -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:forgot                               -                GET     ok       ok      ok      ok      ok      ok      ok
accounts:forgot                               -                POST    ok       ok      ok      ok      ok      ok      ok
accounts:forgot_sent                          -                GET     ok       ok      ok      ok      ok      ok      ok
accounts:arrive                               -                GET     410      410     410     410     410     410     410
accounts:arrive                               link             GET     ok       ok      ok      ok      ok      ok      ok
accounts:invitation                           -                GET     410      410     410     410     410     410     410
accounts:invitation                           -                POST    410      410     410     410     410     410     410
accounts:invitation                           link             GET     ok       ok      ok      ok      ok      ok      ok
accounts:invitation                           link             POST    start    start   start   start   start   start   start
accounts:new_password                         -                GET     410      410     410     410     410     410     410
accounts:new_password                         -                POST    410      410     410     410     410     410     410
accounts:new_password                         link             GET     ok       ok      ok      ok      ok      ok      ok
accounts:new_password                         link             POST    sign-in  sign-in sign-in sign-in sign-in sign-in sign-in
accounts:email                                -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:email                                -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:confirm_email                        -                GET     sign-in  410     410     410     410     410     410
accounts:confirm_email                        -                POST    sign-in  410     410     410     410     410     410
accounts:confirm_email                        link             GET     sign-in  ok      403     403     403     403     403
accounts:confirm_email                        link             POST    sign-in  ok      403     403     403     403     403
accounts:stop_email                           -                GET     410      410     410     410     410     410     410
accounts:stop_email                           -                POST    410      410     410     410     410     410     410
accounts:stop_email                           link             GET     ok       ok      ok      ok      ok      ok      ok
accounts:stop_email                           link             POST    ok       ok      ok      ok      ok      ok      ok
accounts:sessions                             -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:end_session                          own              POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:end_session                          anna             POST    sign-in  ok      same    same    same    same    same
accounts:end_other_sessions                   -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:api_keys                             -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:api_keys                             -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:revoke_key                           own              POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:revoke_key                           anna             POST    sign-in  ok      404     404     404     404     404
accounts:rotate_key                           own              POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:rotate_key                           anna             POST    sign-in  ok      404     404     404     404     404
accounts:second_factors                       -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:add_app                              -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:add_app                              -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:add_passkey                          -                GET     sign-in  ok      ok      ok      ok      ok      ok
accounts:add_passkey                          -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:ask_passkey                          -                POST    ok       ok      ok      ok      ok      ok      ok
accounts:renew_codes                          -                POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:remove_factor                        own              POST    sign-in  ok      ok      ok      ok      ok      ok
accounts:show_factor                          -                GET     sign-in  start   start   start   start   start   start
accounts:show_factor                          -                POST    sign-in  start   start   start   start   start   start
accounts:sign_in_by_passkey                   -                POST    sign-in  start   start   start   start   start   start
notifications:inbox                           -                GET     sign-in  ok      ok      ok      ok      ok      ok
notifications:read_all                        -                POST    sign-in  ok      ok      ok      ok      ok      ok
notifications:preferences                     -                GET     sign-in  ok      ok      ok      ok      ok      ok
notifications:preferences                     -                POST    sign-in  ok      ok      ok      ok      ok      ok

tickets:start                                 -                GET     sign-in  ok      ok      ok      ok      ok      ok
tickets:new                                   -                GET     sign-in  ok      ok      ok      ok      ok      ok
tickets:new                                   vpn              POST    sign-in  ok      ok      ok      ok      ok      ok
tickets:new                                   payroll          POST    sign-in  ok      ok      ok      ok      ok      ok
tickets:queue                                 -                GET     sign-in  start   start   ok      ok      ok      ok
tickets:next_one                              -                POST    sign-in  403     403     ok      ok      ok      ok
tickets:bulk                                  -                GET     sign-in  start   start   ok      ok      ok      ok
tickets:bulk                                  secret-new       POST    sign-in  403     403     ok      ok      ok      ok

tickets:detail                                new              GET     sign-in  ok      404     ok      ok      ok      ok
tickets:detail                                secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:detail                                deleted          GET     sign-in  404     404     404     404     404     404
tickets:history                               new              GET     sign-in  ok      404     ok      ok      ok      ok
tickets:history                               secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:mail                                  new              GET     sign-in  404     404     ok      ok      ok      ok
tickets:mail                                  secret-new       GET     sign-in  404     404     ok      404     ok      ok
tickets:file                                  file             GET     sign-in  ok      404     ok      ok      ok      ok
tickets:file                                  note-file        GET     sign-in  404     404     ok      ok      ok      ok
tickets:file                                  unscanned        GET     sign-in  409     404     409     409     409     409
tickets:file                                  secret-file      GET     sign-in  ok      404     ok      404     ok      ok
tickets:file                                  secret-note-file GET     sign-in  404     404     ok      404     ok      ok
tickets:file                                  secret-unscanned GET     sign-in  409     404     409     404     409     409
tickets:picture                               picture          GET     sign-in  ok      404     ok      ok      ok      ok
tickets:picture                               secret-picture   GET     sign-in  ok      404     ok      404     ok      ok

tickets:claim                                 secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:claim                                 new              POST    sign-in  403     404     ok      ok      ok      ok
tickets:claim                                 secret-new       POST    sign-in  403     404     ok      404     ok      ok
tickets:claim                                 deleted          POST    sign-in  404     404     404     404     404     404
tickets:assign                                secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:assign                                new              POST    sign-in  403     404     403     403     ok      ok
tickets:assign                                secret-new       POST    sign-in  403     404     403     404     ok      ok
tickets:hand_over                             secret-held      GET     sign-in  ok      404     ok      404     ok      ok
tickets:hand_over                             held             POST    sign-in  403     404     ok      403     ok      ok
tickets:hand_over                             secret-held      POST    sign-in  403     404     ok      404     ok      ok
tickets:status                                secret-held      GET     sign-in  ok      404     ok      404     ok      ok
tickets:status                                held             POST    sign-in  403     404     ok      403     ok      ok
tickets:status                                secret-held      POST    sign-in  403     404     ok      404     ok      ok
tickets:cancel                                secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:cancel                                new              POST    sign-in  ok      404     403     403     ok      ok
tickets:cancel                                secret-new       POST    sign-in  ok      404     403     404     ok      ok
tickets:reopen                                secret-done      GET     sign-in  ok      404     ok      404     ok      ok
tickets:reopen                                done             POST    sign-in  ok      404     ok      403     ok      ok
tickets:reopen                                secret-done      POST    sign-in  ok      404     ok      404     ok      ok
tickets:edit                                  secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:edit                                  new              POST    sign-in  ok      404     403     403     ok      ok
tickets:edit                                  secret-new       POST    sign-in  ok      404     403     404     ok      ok
tickets:properties                            secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:properties                            new              POST    sign-in  403     404     ok      403     ok      ok
tickets:properties                            secret-new       POST    sign-in  403     404     ok      404     ok      ok
tickets:comment                               secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:comment                               new              POST    sign-in  ok      404     ok      ok      ok      ok
tickets:comment                               new/note         POST    sign-in  403     404     ok      ok      ok      ok
tickets:comment                               secret-new       POST    sign-in  ok      404     ok      404     ok      ok
tickets:comment                               secret-new/note  POST    sign-in  403     404     ok      404     ok      ok
tickets:watch                                 secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:watch                                 new              POST    sign-in  ok      404     ok      ok      ok      ok
tickets:watch                                 secret-new       POST    sign-in  ok      404     ok      404     ok      ok
tickets:unwatch                               secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:unwatch                               new              POST    sign-in  ok      404     ok      ok      ok      ok
tickets:unwatch                               secret-new       POST    sign-in  ok      404     ok      404     ok      ok
tickets:accept_sender                         secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:accept_sender                         new              POST    sign-in  403     404     ok      ok      ok      ok
tickets:accept_sender                         secret-new       POST    sign-in  403     404     ok      404     ok      ok
tickets:release_mail                          secret-mail      GET     sign-in  ok      404     ok      404     ok      ok
tickets:release_mail                          mail             POST    sign-in  403     404     ok      ok      ok      ok
tickets:release_mail                          secret-mail      POST    sign-in  403     404     ok      404     ok      ok
tickets:refuse_mail                           secret-mail      GET     sign-in  ok      404     ok      404     ok      ok
tickets:refuse_mail                           mail             POST    sign-in  403     404     ok      ok      ok      ok
tickets:refuse_mail                           secret-mail      POST    sign-in  403     404     ok      404     ok      ok
tickets:delete                                secret-new       GET     sign-in  ok      404     ok      404     ok      ok
tickets:delete                                new              POST    sign-in  403     404     403     403     403     ok
tickets:delete                                secret-new       POST    sign-in  403     404     403     404     403     ok
tickets:delete                                deleted          POST    sign-in  404     404     404     404     404     404
"""

# Of admin there is one line to say: it is Maria's alone. What she gets there:
ADMIN = """
route                                         methods     maria

admin:index                                   GET         ok
admin:index                                   POST        ok
admin:standing                                GET         ok
admin:login                                   GET         ok
admin:login                                   POST        ok
admin:logout                                  POST        sign-in
admin:password_change                         GET         ok
admin:password_change                         POST        ok
admin:password_change_done                    GET         ok
admin:password_change_done                    POST        ok
admin:autocomplete                            GET         403
admin:jsi18n                                  GET         ok
admin:view_on_site                            GET         404
admin:view_on_site                            POST        404
admin:app_list                                GET         ok
admin:app_list                                POST        ok
admin/(?P<url>.*)$                            GET         404
admin/(?P<url>.*)$                            POST        404
"""

# What may be done to a kind of row there. Nobody deletes any; what is `read` has neither a form to add nor to change.
ADMIN_MODELS = """
model                   add     change

audit.event             read    read
audit.securityevent     read    read
accounts.user           ok      ok
accounts.team           ok      ok
accounts.apikey         ok      read
notifications.channel   ok      ok
notifications.webhook   ok      ok
notifications.delivery  read    read
tickets.service         ok      ok
tickets.tag             read    read
tickets.ticket          read    read
tickets.mailbox         ok      ok
tickets.inboundmail     read    read
"""

# Pages that admin has besides.
ADMIN_MORE = """
route                                         methods     maria

admin:accounts_user_invite                    GET         ok
admin:accounts_user_invite                    POST        ok
admin:accounts_user_password                  GET         ok
admin:accounts_user_password                  POST        ok
admin:accounts_user_second_factor             GET         ok
admin:accounts_user_second_factor             POST        ok
admin:notifications_delivery_test             GET         ok
admin:notifications_delivery_test             POST        ok
admin:tickets_inboundmail_source              GET         ok
admin:tickets_inboundmail_source              POST        ok
"""

# Programs come with a key: of Igor's with the scope read, write or admin alone, a revoked one of his with all three,
# and one of Maria's (boss) with the scope admin alone. The persons call with the session of their browser.
CALLS = """
route                      subject          method  stranger anna  boris igor  sam   lena  maria  read  write admin revoked boss

schema                     -                GET     401      403   403   ok    ok    ok    ok     ok    ok    ok    401     ok
docs                       -                GET     401      403   403   ok    ok    ok    ok     ok    ok    ok    401     ok

api:sign_in_providers      -                GET     ok       ok    ok    ok    ok    ok    ok     ok    ok    ok    401     ok
api:sign_in_link           -                POST    503      503   503   503   503   503   503    403   403   403   401     403
api:sign_in_callback       -                POST    409      409   409   409   409   409   409    403   403   403   401     403

api:tickets                -                GET     401      ok    ok    ok    ok    ok    ok     ok    403   403   401     403
api:tickets                -                POST    401      ok    ok    ok    ok    ok    ok     403   ok    403   401     403
api:bulk                   secret-new       POST    401      ok    ok    ok    ok    ok    ok     403   ok    403   401     403
api:claim_next             -                POST    401      403   403   ok    ok    ok    ok     403   ok    403   401     403
api:ticket                 new              GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:ticket                 secret-new       GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:ticket                 deleted          GET     401      404   404   404   404   404   404    404   403   403   401     403
api:ticket                 new              PATCH   401      ok    404   403   403   ok    ok     403   403   403   401     403
api:ticket                 held             PATCH   401      409   404   ok    403   ok    ok     403   ok    403   401     403
api:ticket                 secret-held      PATCH   401      409   404   ok    404   ok    ok     403   ok    403   401     403
api:ticket                 new              DELETE  401      403   404   403   403   403   ok     403   403   403   401     403
api:ticket                 secret-new       DELETE  401      403   404   403   404   403   ok     403   403   403   401     403
api:status                 held             PATCH   401      403   404   ok    403   ok    ok     403   ok    403   401     403
api:status                 secret-held      PATCH   401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:claim                  new              POST    401      403   404   ok    ok    ok    ok     403   ok    403   401     403
api:claim                  secret-new       POST    401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:hand_over              held             POST    401      403   404   ok    403   ok    ok     403   ok    403   401     403
api:hand_over              secret-held      POST    401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:reopen                 done             POST    401      ok    404   ok    403   ok    ok     403   ok    403   401     403
api:reopen                 secret-done      POST    401      ok    404   ok    404   ok    ok     403   ok    403   401     403
api:cancel                 new              POST    401      ok    404   403   403   ok    ok     403   403   403   401     403
api:cancel                 secret-new       POST    401      ok    404   403   404   ok    ok     403   403   403   401     403
api:history                new              GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:history                secret-new       GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:comments               new              GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:comments               secret-new       GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:comments               new              POST    401      ok    404   ok    ok    ok    ok     403   ok    403   401     403
api:comments               new/note         POST    401      403   404   ok    ok    ok    ok     403   ok    403   401     403
api:comments               secret-new       POST    401      ok    404   ok    404   ok    ok     403   ok    403   401     403
api:comments               secret-new/note  POST    401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:attachments            new              GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:attachments            secret-new       GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:attachments            new              POST    401      ok    404   ok    ok    ok    ok     403   ok    403   401     403
api:attachments            secret-new       POST    401      ok    404   ok    404   ok    ok     403   ok    403   401     403
api:attachment_content     file             GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:attachment_content     note-file        GET     401      404   404   ok    ok    ok    ok     ok    403   403   401     403
api:attachment_content     unscanned        GET     401      409   404   409   409   409   409    409   403   403   401     403
api:attachment_content     secret-file      GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:attachment_content     secret-note-file GET     401      404   404   ok    404   ok    ok     ok    403   403   401     403
api:watchers               new              GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:watchers               secret-new       GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:watcher                new/vera         GET     401      ok    404   ok    ok    ok    ok     ok    403   403   401     403
api:watcher                secret-new/vera  GET     401      ok    404   ok    404   ok    ok     ok    403   403   401     403
api:watcher                new/noa          PUT     401      ok    404   ok    ok    ok    ok     403   ok    403   401     403
api:watcher                new/me           PUT     401      ok    404   ok    ok    ok    ok     403   ok    403   401     403
api:watcher                secret-new/noa   PUT     401      ok    404   ok    404   ok    ok     403   ok    403   401     403
api:watcher                secret-new/me    PUT     401      ok    404   ok    404   ok    ok     403   ok    403   401     403
api:watcher                new/vera         DELETE  401      ok    404   ok    ok    ok    ok     403   ok    403   401     403
api:watcher                secret-new/vera  DELETE  401      ok    404   ok    404   ok    ok     403   ok    403   401     403
api:mails                  mail             GET     401      403   404   ok    ok    ok    ok     ok    403   403   401     403
api:mails                  secret-mail      GET     401      403   404   ok    404   ok    ok     ok    403   403   401     403
api:release_mail           mail             POST    401      403   404   ok    ok    ok    ok     403   ok    403   401     403
api:release_mail           secret-mail      POST    401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:refuse_mail            mail             POST    401      403   404   ok    ok    ok    ok     403   ok    403   401     403
api:refuse_mail            secret-mail      POST    401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:confirm_sender         new              POST    401      403   404   ok    ok    ok    ok     403   ok    403   401     403
api:confirm_sender         secret-new       POST    401      403   404   ok    404   ok    ok     403   ok    403   401     403
api:services               -                GET     401      ok    ok    ok    ok    ok    ok     ok    403   403   401     403
api:teams                  -                GET     401      ok    ok    ok    ok    ok    ok     ok    403   403   401     403
api:tags                   -                GET     401      ok    ok    ok    ok    ok    ok     ok    403   403   401     403

api:users                  -                GET     401      403   403   403   403   403   ok     403   403   403   401     ok
api:users                  -                POST    401      403   403   403   403   403   ok     403   403   403   401     ok
api:user                   me               GET     401      ok    ok    ok    ok    ok    ok     ok    403   403   401     403
api:user                   me               PATCH   401      ok    ok    ok    ok    ok    ok     403   403   ok    401     ok
api:user                   anna             GET     401      ok    403   403   403   403   ok     403   403   403   401     ok
api:user                   anna             PATCH   401      ok    403   403   403   403   ok     403   403   403   401     ok
api:api_keys               me               GET     401      ok    ok    ok    ok    ok    ok     403   403   ok    401     ok
api:api_keys               me               POST    401      ok    ok    ok    ok    ok    ok     403   403   ok    401     ok
api:api_keys               anna             GET     401      ok    403   403   403   403   ok     403   403   403   401     ok
api:api_keys               anna             POST    401      ok    403   403   403   403   ok     403   403   403   401     ok
api:api_key                me               DELETE  401      ok    ok    ok    ok    ok    ok     403   403   ok    401     ok
api:api_key                anna             DELETE  401      ok    403   403   403   403   ok     403   403   403   401     ok
api:rotate_api_key         me               POST    401      ok    ok    ok    ok    ok    ok     403   403   ok    401     ok
api:rotate_api_key         anna             POST    401      ok    403   403   403   403   ok     403   403   403   401     ok
api:invitation             nick             POST    401      403   403   403   403   403   ok     403   403   403   401     ok
api:invitation             anna             POST    401      403   403   403   403   403   409    403   403   403   401     409
api:webhooks               -                GET     401      403   403   403   403   403   ok     403   403   403   401     ok
api:webhooks               -                POST    401      403   403   403   403   403   ok     403   403   403   401     ok
api:webhook                -                GET     401      403   403   403   403   403   ok     403   403   403   401     ok
api:webhook                -                PATCH   401      403   403   403   403   403   ok     403   403   403   401     ok
api:webhook                -                DELETE  401      403   403   403   403   403   ok     403   403   403   401     ok
api:rotate_webhook_secret  -                POST    401      403   403   403   403   403   ok     403   403   403   401     ok
api:deliveries             -                GET     401      403   403   403   403   403   ok     403   403   403   401     ok
api:redeliver              -                POST    401      403   403   403   403   403   ok     403   403   403   401     ok

older_tickets              -                POST    401      ok    ok    ok    ok    ok    ok     403   ok    403   401     403
older_status               held             PATCH   401      403   404   ok    403   ok    ok     403   ok    403   401     403
older_status               secret-held      PATCH   401      403   404   ok    404   ok    ok     403   ok    403   401     403

api/<path:rest>            -                GET     404      404   404   404   404   404   404    404   404   404   401     404
api/<path:rest>            -                POST    404      404   404   404   404   404   404    404   404   404   401     404
api/<path:rest>            -                PUT     404      404   404   404   404   404   404    404   404   404   401     404
api/<path:rest>            -                PATCH   404      404   404   404   404   404   404    404   404   404   401     404
api/<path:rest>            -                DELETE  404      404   404   404   404   404   404    404   404   404   401     404
requests/<path:rest>       -                GET     404      404   404   404   404   404   404    404   404   404   401     404
requests/<path:rest>       -                POST    404      404   404   404   404   404   404    404   404   404   401     404
requests/<path:rest>       -                PUT     404      404   404   404   404   404   404    404   404   404   401     404
requests/<path:rest>       -                PATCH   404      404   404   404   404   404   404    404   404   404   401     404
requests/<path:rest>       -                DELETE  404      404   404   404   404   404   404    404   404   404   401     404
"""
