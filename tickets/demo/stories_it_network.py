"""Corporate network requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="net-wifi-room",
        service="network",
        language="ru",
        title="Плохой Wi-Fi: {place}",
        description=(
            "Здравствуйте! В {room} почти не ловит корпоративный Wi-Fi, {symptom}. В коридоре нормально. Так "
            "{date_words}."
        ),
        priority="NORMAL",
        tags=("wifi",),
        turns=(
            Turn("agent", "Спасибо, посмотрим загрузку точек.", 80, then="start"),
            Turn(
                "agent",
                "Точка {ap} в порядке, но {finding}. Снизили мощность соседней и развели каналы 36/52.",
                45,
                internal=True,
            ),
            Turn(
                "agent",
                "Подправили каналы у ближайших точек. Проверьте, пожалуйста, на ближайшей встрече.",
                20,
            ),
            Turn("requester", "Совсем другое дело, за час ни одного обрыва", 1200),
            Turn("agent", "Спасибо за проверку, закрываем.", 40, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "place|room|symptom|date_words|ap|finding",
            (
                "«Байкал»|переговорной «Байкал»|видеозвонки рассыпаются|с тех пор, как переставили "
                "шкафы|ap-msk-3-07|ноутбуки цепляются к дальней точке этажом выше"
            ),
            (
                "кабинет 507|кабинете 507|телефон переходит на мобильный интернет|вторую "
                "неделю|ap-msk-5-02|рядом поднялась чужая сеть на том же канале"
            ),
            (
                "«Эльбрус»|переговорной «Эльбрус»|презентации не грузятся|с понедельника|ap-msk-4-11|зал "
                "обшили панелями, экранирует"
            ),
            "столовая|столовой|ничего не открывается в обед|всегда|ap-msk-1-03|в обед на ней 90 клиентов",
            (
                "учебный класс|учебном классе|половина группы не подключается|на каждом "
                "занятии|ap-ekb-2-01|кончались адреса в гостевом пуле"
            ),
            (
                "кабинет 118|кабинете 118|обрыв каждые пять минут|с прошлой среды|ap-msk-1-09|микроволновка "
                "за стеной, это не шутка"
            ),
        ),
    ),
    Story(
        key="net-guest-wifi",
        service="network",
        language="en",
        title="Guest Wi-Fi for {event}",
        description=(
            "Hello, we host {event} {date_words} in {room}, about {count} visitors. Could we have guest "
            "Wi-Fi for them?"
        ),
        priority="LOW",
        tags=("wifi",),
        turns=(
            Turn("agent", "Sure. One shared voucher or personal ones?", 170, then="start"),
            Turn("requester", "One for everybody is fine.", 50),
            Turn(
                "agent",
                "Voucher for {count} devices, valid 08:00 to 20:00 on your dates. The printed card with the "
                "QR code is at reception.",
                30,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "event|date_words|room|count",
            "a supplier workshop|on Tuesday|the Harbour room|25",
            "the design meetup|next Thursday|the canteen|60",
            "an open day for students|on the 14th|the training room|40",
            "the auditors|all week|room 2.20|6",
            "a customer visit|tomorrow|the boardroom|10",
            "interviews|on Friday|rooms 1.04 and 1.05|15",
        ),
    ),
    Story(
        key="net-outlet-dead",
        service="network",
        language="ru",
        title="Не работает сетевая розетка {outlet}",
        description="Добрый день, розетка {outlet} в кабинете {room} не работает, {symptom}. Кабель меняли.",
        priority="LOW",
        tags=("hardware", "network"),
        turns=(
            Turn("agent", "Здравствуйте! Порт на коммутаторе видим, сейчас проверим.", 210, then="start"),
            Turn(
                "agent",
                "Порт `{port}` в состоянии err-disabled, сработала защита: кто-то воткнул домашний роутер. "
                "Включать после того, как выяснится, что там подключено.",
                30,
                internal=True,
            ),
            Turn(
                "agent",
                "Порт отключён защитой: похоже, в розетку был включён роутер или хаб. Подскажите, что "
                "сейчас подключено, и нужно ли несколько розеток? Если нужно, поставим нормальный "
                "коммутатор.",
                10,
                then="wait_requester",
            ),
        ),
        outcome="waiting_requester",
        variants=fill(
            "outlet|room|symptom|port",
            "4-12-B|412|лампочка на ноутбуке не горит|sw-msk-4a Gi1/0/12",
            "2-07-A|207|после перестановки мебели|sw-msk-2a Gi1/0/7",
            "3-30-C|330|с утра|sw-msk-3b Gi1/0/30",
            "1-18-A|118|телефон тоже молчит|sw-msk-1a Gi1/0/18",
            "5-11-D|511|раньше работала|sw-msk-5a Gi1/0/11",
        ),
    ),
    Story(
        key="net-site-down",
        service="network",
        language="en",
        title="No network at {building}",
        description=(
            "Everything is down at {building}: {symptom}. Started at {time}. {people} can't work. I'm "
            "writing from my phone."
        ),
        priority="URGENT",
        tags=("network",),
        turns=(
            Turn(
                "agent",
                "On it. Can you look at the cabinet by the entrance: are there any lights on the top box?",
                3,
                then="start",
            ),
            Turn("requester", "{lights}", 5),
            Turn(
                "agent",
                "{finding}. LTE backup did not take over because the SIM had been suspended for "
                "non-payment, which is embarrassing.",
                10,
                internal=True,
            ),
            Turn("lead", "We've got this as a major incident. Next update in 30 minutes at the latest.", 12),
            Turn(
                "agent",
                "Internet is back over the mobile link, slow but usable. Working on the main line with the "
                "provider.",
                25,
            ),
            Turn(
                "agent",
                "Main line restored: {cause}. The backup link has been fixed as well and will be tested "
                "every month from now on.",
                190,
                then="resolve",
            ),
            Turn("requester", "All good here, thanks everyone", 30),
        ),
        outcome="done",
        variants=fill(
            "building|symptom|time|people|lights|finding|cause",
            (
                "the Leeds depot|no Wi-Fi, no phones|7:40|Twenty people|All off!|Breaker tripped, router fed "
                "from the same circuit as the floor heater|a tripped breaker, the router has its own circuit "
                "now"
            ),
            (
                "Harbour House|phones dead, internet dead|10:15|The whole office|One red, "
                "blinking.|Provider's fibre cut, roadworks two streets away|a fibre cut by roadworks"
            ),
            (
                "the Berlin office|nothing loads|9:05|About thirty people|Green and orange.|BGP session down "
                "after provider maintenance that nobody announced|unannounced maintenance at the provider"
            ),
            (
                "the Dublin branch|tills and Wi-Fi are down|12:30|Both floors|Off, and it smells "
                "funny.|Power supply of the router burnt out|a burnt power supply, replaced"
            ),
            (
                "the Bristol warehouse|scanners offline|6:20|The early shift|Green, but slow blinking.|Loop: "
                "a patch cable plugged into two ports of the same switch|a cable loop, loop protection is on "
                "now"
            ),
        ),
    ),
    Story(
        key="net-firewall-request",
        service="network",
        language="ru",
        title="Открыть доступ к {host}:{port_no}",
        description=(
            "Здравствуйте. Для {purpose} нужен доступ с `{source}` на `{host}`, порт {port_no}/tcp. Срок: "
            "{term}."
        ),
        priority="NORMAL",
        tags=("network", "security", "доступ"),
        turns=(
            Turn(
                "agent",
                "Добрый день, заявку видим. Это внешний адрес, нужно заключение безопасности.",
                160,
                then="start",
            ),
            Turn(
                "agent",
                "Правило подготовлено, но не применено: `permit tcp host {source} host {host} eq "
                "{port_no}`. Безопасность просит у поставщика список адресов вместо целой сети.",
                35,
                internal=True,
            ),
            Turn(
                "agent",
                "Запросили у поставщика точные адреса, без них правило не согласуют. Ждём ответа.",
                15,
                then="wait_third_party",
            ),
        ),
        outcome="waiting_third_party",
        variants=fill(
            "host|port_no|purpose|source|term",
            "api.volga-trans.example|443|обмена накладными|erp-app-02|постоянно",
            "sftp.bank-sever.example|22|выгрузки выписок|fin-gw-01|постоянно",
            "mqtt.pribor.example|8883|датчиков в цехе|iot-gw-01|до конца года",
            "lic.kompas.example|10080|сервера лицензий|lic-01|постоянно",
            "test.meridian.example|8443|стенда интеграции|qa-stand-03|два месяца",
        ),
    ),
    Story(
        key="net-ip-phone",
        service="network",
        language="en",
        title="Desk phone {phone}: {symptom}",
        description="Hello, the phone on my desk (ext. {phone}, {room}): {symptom}. {tried}",
        priority="NORMAL",
        tags=("hardware", "network"),
        turns=(
            Turn("agent", "Hi, having a look at the exchange.", 100, then="start"),
            Turn("agent", "{finding}.", 25, internal=True),
            Turn(
                "agent",
                "Fixed from our side, the phone will restart by itself in a minute. Please give it a test "
                "call on 4040.",
                10,
                then="resolve",
            ),
            Turn("requester", "Rings like new.", 40),
        ),
        outcome="done",
        variants=fill(
            "phone|room|symptom|tried|finding",
            (
                '4117|room 2.14|shows "Registering" forever|Unplugged it twice.|Port was in the wrong voice '
                "VLAN after the desk move"
            ),
            (
                "4236|reception|no sound from the other side|Other handset, same thing.|One-way RTP, the NAT "
                "helper was on for that VLAN"
            ),
            (
                "4302|room 3.08|rings twice, then hangs up|It's all calls, not just one.|Forward-on-busy "
                "pointed at a deleted mailbox"
            ),
            (
                "4158|Finance|the display is in Czech|Funny, but I can't find the menu.|Locale of the "
                "previous owner came back from the backup"
            ),
            (
                "4271|the post room|doesn't ring at all|Volume is at maximum.|Do-not-disturb set on the "
                "server, not visible on the phone"
            ),
        ),
    ),
    Story(
        key="net-slow-share",
        service="network",
        language="ru",
        title="Общая папка {folder} открывается по {time}",
        description=(
            "Коллеги, папка `{folder}` с утра открывается по {time}, сохранить файл почти невозможно. "
            "Тормозит у {people}. {event}"
        ),
        priority="HIGH",
        tags=("network",),
        turns=(Turn("requester", "Дополнение: {extra}", 55),),
        outcome="new_unassigned",
        variants=fill(
            "folder|time|people|event|extra",
            (
                "\\\\files-02\\zakupki|пять минут|всего отдела|Тендер завтра.|по проводу то же самое, дело "
                "не в Wi-Fi"
            ),
            (
                "\\\\files-05\\marketing|три минуты|меня и соседей|Макеты не сдать.|с маленькими файлами "
                "терпимо, с большими беда"
            ),
            "\\\\files-07\\logistika|две минуты|обеих смен|Машины ждут.|после двенадцати стало ещё медленнее",
            (
                "\\\\docs-01\\dogovory|десять минут|юристов|Сегодня подписание.|иногда пишет «сетевой путь "
                "не найден»"
            ),
            (
                "\\\\files-02\\proekty|четыре минуты|инженеров|Сдача этапа в пятницу.|из филиала при этом "
                "открывается быстро"
            ),
        ),
    ),
)
