"""VPN requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="vpn-after-sleep",
        service="vpn",
        language="ru",
        title="VPN не поднимается после сна, {device}",
        description=(
            "Добрый день! После того как ноутбук {device} полежит с закрытой крышкой, VPN больше не "
            "подключается. Помогает только перезагрузка, и так {date_words}.\n\nКлиент пишет:\n\n```\n"
            "{error}\n```\n\nWindows 11, дома обычный роутер, у коллег на том же интернете всё работает."
        ),
        priority="NORMAL",
        tags=("vpn", "ноутбук"),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Похоже на известную историю с энергосбережением сетевой карты, смотрим.",
                25,
                then="start",
            ),
            Turn(
                "agent",
                "По логам шлюза сессия висит полумёртвая, клиент пытается продолжить её со старым адресом. "
                "На {device} драйвер Wi-Fi от 2022 года, в групповой политике эта модель не попала в "
                "исключения.",
                12,
                internal=True,
            ),
            Turn(
                "agent",
                "Отправили на ваш ноутбук новый драйвер. Сделайте, пожалуйста, так:\n\n"
                "1. Перезагрузите ноутбук один раз.\n2. Закройте крышку минут на десять.\n"
                "3. Откройте и подключите VPN.\n\nИ напишите, что получилось.",
                30,
                then="wait_requester",
            ),
            Turn("requester", "Работает! Два раза проверено, крышка закрывалась на обеде. Спасибо", 180),
            Turn(
                "agent",
                "Отлично. Драйвер закрепили за этой моделью, само не откатится. Закрываем.",
                20,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "device|date_words|error",
            "NW-LT-0417|с понедельника|The VPN connection was terminated by the peer",
            "NW-LT-0533|вторую неделю|Secure gateway has rejected the connection attempt",
            "NW-LT-0288|после обновления в четверг|Timeout while waiting for DTLS handshake",
            "NW-LT-0761|третий день подряд|Connection attempt has failed: network error 12029",
            "NW-LT-0642|каждое утро на этой неделе|The VPN connection was terminated by the peer",
            "NW-LT-0195|с прошлой пятницы|Session resume failed (code 619)",
        ),
    ),
    Story(
        key="vpn-mfa-new-phone",
        service="vpn",
        language="en",
        title="New phone, no MFA codes, locked out of VPN ({phone})",
        description=(
            "Hi team,\n\n"
            "I switched to a new {phone} {date_words} and the authenticator came up empty after the "
            "transfer. The old phone has already gone {old_fate}, so I can't approve the VPN prompt any "
            "more.\n\nI have {event} and need the shared drive for it. Please help!"
        ),
        priority="HIGH",
        tags=("vpn", "mfa"),
        turns=(
            Turn(
                "agent",
                "Hello, we can reset it, but need to confirm it's really you first. I'm calling you on the "
                "number from your profile.",
                8,
                then="start",
            ),
            Turn(
                "agent",
                "Verified by call-back plus employee number. Removed old TOTP device, issued a 24 h "
                "temporary access pass. Sign-in log is clean: the last success was from the usual home "
                "address, no prompts approved since.",
                12,
                internal=True,
            ),
            Turn(
                "agent",
                "Done. Please:\n\n"
                "1. Open https://mfa.northwind.example and sign in with the temporary code I just read to "
                "you.\n2. Add the new phone.\n"
                "3. Save the recovery codes somewhere that is **not** the phone.",
                6,
            ),
            Turn("requester", "Got it, I'm in. Recovery codes printed :)", 22),
            Turn("agent", "Perfect. Temporary code is revoked, you're set.", 10, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "phone|date_words|old_fate|event",
            "Pixel 8|yesterday evening|back to the shop|the quarterly review at 14:00",
            "iPhone 15|on Saturday|to my daughter|a client call after lunch",
            "Galaxy S24|this morning|in for recycling|payroll files to sign off today",
            "iPhone 13 mini|last night|for a swim in the Thames|an audit meeting tomorrow at nine",
            "Nothing Phone 2|over the weekend|back to the operator|month-end closing",
            "Pixel 7a|on Friday|missing on the train|a board pack due tonight",
        ),
    ),
    Story(
        key="vpn-slow-home",
        service="vpn",
        language="en",
        title="VPN is painfully slow from {place}",
        description=(
            "Hello,\n\n"
            "Since {date_words} opening anything on the shared drive over VPN takes minutes. Speed test "
            "without VPN: {speed} Mbit/s. With VPN: about 3.\n\n"
            "Not blocking me, but it's getting on my nerves."
        ),
        priority="LOW",
        tags=("vpn", "network"),
        turns=(
            Turn(
                "agent",
                "Hi, thanks for including numbers, that's rare :) Checking the gateway you land on.",
                160,
                then="start",
            ),
            Turn(
                "agent",
                "User is pinned to gw-fra-2, which ran at 85 % in the evenings last week. Not obviously the "
                "cause at this time of day though: others on the same node get 60+. Suspect MTU on the home "
                "line.",
                25,
                internal=True,
            ),
            Turn(
                "agent",
                "The gateway looks healthy. Could you run this from PowerShell **while connected** and "
                "paste the result?\n\n```\nping -f -l 1372 gw.northwind.example\n"
                "ping -f -l 1200 gw.northwind.example\n```\n\nAlso: cable or Wi-Fi, and which provider?",
                10,
                then="wait_requester",
            ),
        ),
        outcome="waiting_requester",
        variants=fill(
            "place|date_words|speed",
            "home in Leeds|last Monday|180",
            "my flat in Berlin|the provider changed my router|250",
            "the Dublin house|the last Windows update|95",
            "a rented place in Porto|I moved|110",
            "home in Kent|the storm last week|72",
        ),
    ),
    Story(
        key="vpn-certificate-expired",
        service="vpn",
        language="ru",
        title="Срочно! VPN: {error_ru}",
        description=(
            "Коллеги, весь {department} с утра не может подключиться. Клиент ругается: «{error_ru}». У нас "
            "{event}, без доступа к базе никак.\n\n"
            "Пострадало {count}. У кого VPN не разрывался с вечера, те работают."
        ),
        priority="URGENT",
        tags=("vpn", "security"),
        turns=(
            Turn("agent", "Видим, срабатывания пошли и в мониторинге. Занимаемся.", 4, then="start"),
            Turn(
                "agent",
                "На втором узле балансировщика старый сертификат: автообновление прошло, а служба не "
                "перечитала файл. `systemctl reload` на gw-msk-2, проверка `openssl s_client -connect "
                "gw-msk-2:443 | openssl x509 -noout -enddate`.",
                9,
                internal=True,
            ),
            Turn(
                "agent",
                "Исправлено: на одном из двух шлюзов не подхватился новый сертификат. Переподключитесь, "
                "пожалуйста.",
                7,
                then="resolve",
            ),
            Turn(
                "requester",
                "Рано радовались: у двоих снова то же самое, у остальных нормально.",
                95,
                then="reopen",
            ),
            Turn(
                "agent",
                "У этих двоих в клиенте прибит адрес gw-msk-3, старый резерв. Его нет в балансировщике, и "
                "про него все забыли. Надо убрать из DNS, завести отдельную задачу на инвентаризацию.",
                6,
                internal=True,
            ),
            Turn(
                "agent",
                "Нашли: у двух человек в клиенте был записан резервный адрес. Обновили сертификат и там.",
                20,
            ),
            Turn("requester", "Теперь заработало у всех, спасибо за скорость", 30),
            Turn(
                "agent",
                "Спасибо за терпение. Проверку всех шлюзов добавили в мониторинг, чтобы узнавать о таком "
                "раньше вас.",
                15,
                then="resolve",
            ),
        ),
        outcome="reopened_done",
        variants=fill(
            "error_ru|department|event|count",
            "срок действия сертификата истёк|отдел продаж|закрытие квартала|человек двенадцать",
            "недоверенный сертификат сервера|финансовый отдел|сдача отчётности|семь человек",
            "не удалось проверить подлинность шлюза|кол-центр|пиковый день|девять операторов",
            "сертификат сервера недействителен|отдел логистики|отгрузка по контракту|шестеро",
            "ошибка проверки сертификата 0x800B0101|отдел закупок|тендер до обеда|пять человек",
        ),
    ),
    Story(
        key="vpn-split-tunnel",
        service="vpn",
        language="en",
        title="Can't reach {target} while VPN is on",
        description=(
            "When the VPN is connected I can't reach {target}. Off VPN it works straight away. I need both "
            "because {reason}.\n\n`tracert` stops after the second hop."
        ),
        priority="NORMAL",
        tags=("vpn", "network"),
        turns=(
            Turn(
                "agent",
                "Hi! Sounds like a route overlap, let me look at what the client pushes to you.",
                55,
                then="start",
            ),
            Turn(
                "agent",
                "The pushed route 192.168.0.0/16 swallows the home/customer subnet. Same complaint as three "
                "others this quarter. Narrowing the profile to the ranges we really use: 192.168.40.0/21 "
                "and 192.168.96.0/20.",
                35,
                internal=True,
            ),
            Turn(
                "agent",
                "We were sending too many addresses through the VPN. A corrected profile is out; disconnect "
                "and connect again, then check that `route print` no longer shows `192.168.0.0`.",
                20,
            ),
            Turn("requester", "Works, both of them. Thank you!", 140),
            Turn(
                "agent",
                "Great, closing. The new profile will reach everyone this week.",
                15,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "target|reason",
            "my home printer|HR needs signed paper copies every day",
            "the customer's test bench|I compare it with our build all day long",
            "the NAS in our lab|the raw measurements live there",
            "my home Home-Assistant box|the office phone rings through it",
            "the supplier's label system|orders come from ours and labels from theirs",
            "the camera server at the depot|I check deliveries against the ERP",
        ),
    ),
    Story(
        key="vpn-wrong-password",
        service="vpn",
        language="ru",
        title="Не пускает в VPN, «{error}»",
        description="Пишу с телефона. С утра VPN отвечает «{error}», {detail}. Пароль точно правильный!!",
        priority="HIGH",
        tags=("vpn", "доступ"),
        turns=(Turn("requester", "Отбой, {reason}. Извините за беспокойство.", 14, then="cancel"),),
        outcome="canceled_by_requester",
        variants=fill(
            "error|detail|reason",
            "Неверное имя или пароль|вчера всё работало|был включён Caps Lock",
            "Учётные данные отклонены|пробую уже десятый раз|пароль вчера меняли, а в голове остался старый",
            "Вход не выполнен|на почту при этом пускает|раскладка стояла русская",
            "Ошибка аутентификации|коллеги рядом зашли нормально|в имени стояла лишняя точка",
            "Доступ запрещён|через час совещание|клиент запомнил старую учётку, удалили и вошли",
        ),
    ),
)
