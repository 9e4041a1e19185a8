"""Printing requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="print-jam",
        service="printing",
        language="ru",
        title="Принтер {printer} жуёт бумагу",
        description=(
            "{greeting} Принтер {printer} {room} мнёт каждый {nth} лист. Открывали, бумагу вытаскивали, "
            "хватает минут на десять.\n\nНа экране: `{error}`"
        ),
        priority="NORMAL",
        tags=("принтер",),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Сегодня подойдём. Пока печатайте, пожалуйста, на соседний {other}.",
                40,
                then="start",
            ),
            Turn(
                "agent",
                "Ролик захвата стёрт в ноль, пробег {pages} страниц. В запасе последний комплект, надо "
                "дозаказать.",
                150,
                internal=True,
            ),
            Turn(
                "agent",
                "Заменили ролики подачи, прогнали сотню листов без замятий. Просьба: не кладите в лоток "
                "бумагу, на которой уже печатали.",
                15,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "greeting|printer|room|nth|error|other|pages",
            "Доброе утро!|NW-PR-014|у кабинета 310|третий|13.20.00 замятие в лотке 2|NW-PR-015|184 000",
            "Здравствуйте.|NW-PR-022|в приёмной|второй|Jam in tray 1|NW-PR-021|97 000",
            "Коллеги, помогите!|NW-PR-031|в бухгалтерии|пятый|13.A3.D3 Remove paper|NW-PR-030|213 000",
            "Добрый день.|NW-PR-008|на складе|второй|C2557 Check paper path|NW-PR-009|301 000",
            "Привет!|NW-PR-027|на пятом этаже|четвёртый|Замятие, область B|NW-PR-028|156 000",
            "Добрый день!|NW-PR-019|в отделе кадров|третий|J03-25|NW-PR-020|122 000",
        ),
    ),
    Story(
        key="print-toner",
        service="printing",
        language="en",
        title="{ask}",
        description="Hi, {printer} ({room}) {symptom}. We have shaken it already.",
        priority="LOW",
        tags=("printer",),
        turns=(
            Turn("agent", "Thanks! Someone will bring a cartridge this afternoon.", 100, then="start"),
            Turn(
                "agent",
                "Toner replaced ({cartridge}). Next time the printer orders it by itself: the alert was "
                "going to someone who left in May.",
                170,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "ask|printer|room|symptom|cartridge",
            "Toner low, floor 2|NW-PR-041|floor 2, kitchen side|prints pale stripes|CF259X",
            "Printer is out of magenta|NW-PR-044|the design studio|thinks red is brown|TN-423M",
            (
                'Please replace the black cartridge|NW-PR-047|reception|says "Replace black" and refuses to '
                "print|CF258A"
            ),
            "Faded prints in Finance|NW-PR-039|Finance|prints invoices nobody can read|TN-3480",
            (
                'Cartridge empty by the post room|NW-PR-050|post room|has been showing "0 %" since this '
                "morning|W1470X"
            ),
            "Half of every page is blank|NW-PR-042|floor 3 copy corner|leaves the right half empty|CF237A",
        ),
    ),
    Story(
        key="print-queue-stuck",
        service="printing",
        language="ru",
        title="Печать встала: {printer}, документов в очереди {count}",
        description=(
            "Здравствуйте! На {printer} с {time} ничего не печатается, в очереди уже {count}. Отправляем, "
            "пишет «Печать», и тишина. {event}\n\nВыключали и включали дважды."
        ),
        priority="HIGH",
        tags=("принтер",),
        turns=(
            Turn("agent", "Смотрим сервер печати.", 9, then="start"),
            Turn(
                "agent",
                "На `prn-02` завис драйвер на одном документе: {culprit}. Служба Spooler не останавливается "
                "штатно, пришлось снять процесс и чистить `C:\\Windows\\System32\\spool\\PRINTERS`.",
                14,
                internal=True,
            ),
            Turn(
                "agent",
                "Очередь очистили, печать идёт. Документы, которые не вышли до {time_done}, отправьте, "
                "пожалуйста, ещё раз.",
                8,
                then="resolve",
            ),
            Turn("requester", "Всё печатает, спасибо!", 25),
        ),
        outcome="done",
        variants=fill(
            "printer|count|time|event|culprit|time_done",
            "NW-PR-031|43|девяти утра|Завтра сдача отчётности.|PDF на 900 страниц с прозрачностью|9:40",
            (
                "NW-PR-008|17|самого утра|Машины стоят под погрузкой, нужны накладные.|этикетка с "
                "повреждённым шрифтом|8:55"
            ),
            "NW-PR-014|25|обеда|Через час совещание.|чертёж А0, посланный на А4|14:20",
            "NW-PR-022|12|половины одиннадцатого|Клиент сидит в приёмной.|таблица в 40 тысяч строк|11:00",
            "NW-PR-019|30|двух часов|Сегодня приём новых сотрудников.|фото с телефона в TIFF|14:35",
        ),
    ),
    Story(
        key="print-scan-to-mail",
        service="printing",
        language="en",
        title="Scan to e-mail doesn't arrive from {printer}",
        description=(
            'Scanning on {printer} says "sent", but nothing arrives. I tried {tries}. It worked until '
            "{date_words}."
        ),
        priority="NORMAL",
        tags=("printer", "email"),
        turns=(
            Turn("agent", "Hello, checking the mail gateway.", 75, then="start"),
            Turn(
                "agent",
                "Relay refuses it: `550 5.7.60 client does not have permissions to send as this sender`. "
                "Device still authenticates with the account that was disabled in the clean-up.",
                30,
                internal=True,
            ),
            Turn(
                "agent",
                "The scanner was using a disabled account. We gave it a proper one; a test page just "
                "reached my mailbox.",
                20,
                then="resolve",
            ),
            Turn(
                "requester",
                "Small scans arrive, anything over about {pages} pages still doesn't.",
                900,
                then="reopen",
            ),
            Turn(
                "agent",
                "You're right: the limit for that connector was 5 MB. It's 25 MB now, same as for people.",
                60,
            ),
            Turn("requester", "Sent a contract of 60 pages, it's here. Thanks", 45),
            Turn(
                "agent",
                "Good. Both settings are now part of the printer template, so the next device will be right "
                "from the start.",
                10,
                then="resolve",
            ),
        ),
        outcome="reopened_done",
        variants=fill(
            "printer|tries|date_words|pages",
            "NW-PR-041|my own address and a colleague's|Thursday|ten",
            "NW-PR-043|three different addresses|last week|fifteen",
            "NW-PR-046|PDF and JPEG|the weekend|eight",
            "NW-PR-039|twice yesterday and twice today|Monday|twenty",
            "NW-PR-052|with and without duplex|the move to the new floor|twelve",
        ),
    ),
    Story(
        key="print-colour-rights",
        service="printing",
        language="ru",
        title="Прошу включить цветную печать: {department}",
        description=(
            "Добрый день. Нам нужна цветная печать на {printer} для {purpose}. Сейчас всё выходит "
            "чёрно-белым."
        ),
        priority="LOW",
        tags=("принтер", "доступ"),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Цвет на этажных принтерах открывается по списку. Сколько примерно страниц в "
                "месяц?",
                260,
                then="start",
            ),
            Turn("requester", "Думаю, {pages}, не больше", 130),
            Turn(
                "lead",
                "Для разового объёма не включаем, есть цветной плоттер в копировальном центре. Договорились "
                "с офисом, что принимают файлы почтой и отдают в тот же день.",
                90,
                internal=True,
            ),
            Turn(
                "agent",
                "Отклоняем: для такого объёма дешевле копировальный центр на первом этаже "
                "(copy@northwind.example, выдают в тот же день). Если понадобится постоянно, заведите новую "
                "заявку, обсудим.",
                40,
                then="cancel",
            ),
        ),
        outcome="canceled_by_staff",
        variants=fill(
            "department|printer|purpose|pages",
            "кадры|NW-PR-019|поздравительных открыток|двадцать",
            "маркетинг|NW-PR-027|пробных макетов|сорок",
            "склад|NW-PR-008|цветных ярлыков|пятьдесят",
            "юристы|NW-PR-014|презентаций к суду|пятнадцать",
        ),
    ),
    Story(
        key="print-driver-mac",
        service="printing",
        language="en",
        title="Can't add {printer} on my Mac",
        description=(
            'New MacBook ({device}), macOS {version}. When I add {printer} I get "{error}". Colleagues with '
            "Windows print fine."
        ),
        priority="NORMAL",
        tags=("printer",),
        turns=(
            Turn(
                "agent",
                "Hi! Since macOS {version} the old driver is no longer accepted. We'll use AirPrint instead.",
                85,
                then="start",
            ),
            Turn(
                "agent",
                "Please try:\n\n- *System Settings → Printers → Add*\n"
                "- choose the entry ending in **(AirPrint)**, not the one with *Bonjour*\n"
                "- if it's missing, tell us which Wi-Fi you are on\n\nDoes a test page come out?",
                20,
                then="wait_requester",
            ),
        ),
        outcome="waiting_requester",
        variants=fill(
            "printer|device|version|error",
            "NW-PR-041|NW-LT-0815|14.5|Unable to communicate with the printer",
            "NW-PR-044|NW-LT-0831|15.1|The software for this printer is no longer supported",
            "NW-PR-050|NW-LT-0842|14.6|Operation not permitted",
            "NW-PR-042|NW-LT-0850|15.0|An error occurred while adding the printer",
            "NW-PR-047|NW-LT-0857|15.2|Hold for authentication",
        ),
    ),
)
