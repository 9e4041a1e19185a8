"""Monitors, headsets and mishaps, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="laptop-coffee",
        service="laptops",
        language="en",
        title="Spilled {liquid} on my laptop",
        description=(
            "So... {liquid}, keyboard, {device}. It's still on and half of the keys type by themselves. "
            "{extra}\n\nWhat do I do?"
        ),
        priority="URGENT",
        tags=("hardware",),
        turns=(
            Turn(
                "agent",
                "Please do this right now:\n\n1. Hold the power button for ten seconds until it's off.\n"
                "2. Unplug the charger.\n3. Turn it upside down on a towel. No hair dryer.\n\n"
                "Somebody is on the way to {room}.",
                3,
                then="start",
            ),
            Turn("requester", "Off and upside down. I feel terrible", 5),
            Turn(
                "agent",
                "Opened it at the counter: liquid under the keyboard, mainboard dry apart from the left USB "
                "port. Worth saving, new top case is about 140. Not charging the department for it, first "
                "time.",
                12,
                internal=True,
            ),
            Turn(
                "agent",
                "Good news: the board is dry and your data is fine. A loaner is on your desk. We'll clean "
                "yours and replace the keyboard.",
                60,
            ),
            Turn(
                "agent",
                "It's alive, keyboard replaced, everything tested. Please collect it at the IT counter and "
                "bring a mug with a lid next time :)",
                4200,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "liquid|device|extra|room",
            "coffee|NW-LT-0476|Oat milk latte, if that matters.|room 2.14",
            "green tea|NW-LT-0551|The screen flickers too.|the design studio",
            "orange juice|NW-LT-0362|It's already getting sticky.|room 3.08",
            "water|NW-LT-0619|A full glass, most of it went to the left.|the Harbour meeting room",
            "tomato soup|NW-LT-0584|Yes, I was eating at my desk.|room 1.22",
        ),
    ),
    Story(
        key="laptop-monitor-flicker",
        service="laptops",
        language="ru",
        title="Мигает монитор {monitor}",
        description=(
            "Здравствуйте, монитор {monitor} моргает: {symptom}. Работать можно, но глаза устают. Кабинет "
            "{room}."
        ),
        priority="LOW",
        tags=("hardware",),
        turns=(
            Turn("agent", "Здравствуйте. Зайдём сегодня с запасным кабелем.", 200, then="start"),
            Turn(
                "agent",
                "Заменили кабель DisplayPort, полчаса под наблюдением, не моргает.",
                160,
                then="resolve",
            ),
            Turn("requester", "К сожалению, опять. Сегодня за утро раза четыре.", 1500, then="reopen"),
            Turn(
                "agent",
                "Кабель ни при чём. На док-станции {dock} старая прошивка, на форуме производителя ровно "
                "такой симптом на 60 Гц. Обновить, а если не поможет, менять док.",
                45,
                internal=True,
            ),
            Turn("agent", "Обновили прошивку док-станции. Понаблюдайте, пожалуйста, день.", 110),
            Turn("requester", "За день ни разу не моргнул. Кажется, победили", 1400),
            Turn("agent", "Отлично, записали в базу знаний. Закрываем.", 60, then="resolve"),
        ),
        outcome="reopened_done",
        variants=fill(
            "monitor|symptom|room|dock",
            "NW-MN-0112|гаснет на секунду раз в полчаса|412|NW-DK-0077",
            "NW-MN-0187|полосы снизу при прокрутке|305|NW-DK-0081",
            "NW-MN-0203|мигает, когда рядом включают чайник|218|NW-DK-0093",
            "NW-MN-0166|пропадает сигнал после обеда|507|NW-DK-0102",
            "NW-MN-0241|рябь на тёмном фоне|119|NW-DK-0115",
        ),
    ),
    Story(
        key="laptop-lost",
        service="laptops",
        language="en",
        title="Laptop {how} - {device}",
        description=(
            "My work laptop ({device}) was {how} {place}, {date_words}. It was locked, the disk should be "
            "encrypted. Reported to {reported}.\n\n"
            "Please block whatever needs to be blocked. You can reach me on my mobile."
        ),
        priority="URGENT",
        tags=("security", "hardware"),
        turns=(
            Turn(
                "agent",
                "Thank you for reporting right away. Your sessions are being signed out, please change your "
                "password from your phone now: https://password.northwind.example",
                5,
                then="start",
            ),
            Turn(
                "agent",
                "- BitLocker key escrowed, last check-in 2 h before the report\n"
                "- remote wipe queued in Intune, pending until it gets online\n"
                "- sessions and refresh tokens revoked, VPN cert on the CRL\n"
                "- told the security officer by phone",
                10,
                internal=True,
            ),
            Turn("requester", "Password changed. What about my files?", 30),
            Turn(
                "agent",
                "Everything in OneDrive is safe. Anything that was only on the desktop is gone unless the "
                "laptop turns up. A replacement is being prepared; we'll write here when it's ready.",
                12,
            ),
            Turn(
                "lead",
                "Moving this to whoever has the device desk this week. Keep it open until the wipe is "
                "confirmed or two weeks have passed. I need the police reference for the insurer.",
                50,
                internal=True,
                then="hand_over",
            ),
        ),
        outcome="in_progress",
        variants=fill(
            "how|device|place|date_words|reported",
            "stolen|NW-LT-0358|on the train to Manchester|about an hour ago|the transport police",
            "left behind|NW-LT-0403|in a taxi in Berlin|last night|the taxi company",
            "stolen|NW-LT-0512|from the boot of my car|this morning|the police",
            "lost|NW-LT-0447|at Heathrow security|yesterday afternoon|the airport lost property office",
            "stolen|NW-LT-0699|from a café in Madrid|twenty minutes ago|the local police",
        ),
    ),
    Story(
        key="laptop-second-monitor",
        service="laptops",
        language="ru",
        title="Можно второй монитор? ({room})",
        description=(
            "Добрый день! Работаю с {work}, на одном экране тесно. Можно второй монитор в {room}? Подойдёт и "
            "б/у, лишь бы {wish}."
        ),
        priority="LOW",
        tags=("hardware",),
        turns=(),
        outcome="new_unassigned",
        variants=fill(
            "work|room|wish",
            "большими таблицами|кабинет 304|не меньше 24 дюймов",
            "чертежами|кабинет 511|цвета не сильно врали",
            "двумя базами сразу|кабинет 120|крепился на кронштейн",
            "вёрсткой каталога|кабинет 416|был матовый",
            "договорами в двух редакциях|кабинет 209|поворачивался вертикально",
            "мониторингом|кабинет 101|работал круглосуточно",
        ),
    ),
    Story(
        key="laptop-headset",
        service="laptops",
        language="en",
        title="{ask}",
        description=(
            "Hi there, {problem}. Model is {model}. I have calls most of the day, so a working one would be "
            "lovely. I sit in {room}."
        ),
        priority="LOW",
        tags=("hardware",),
        turns=(
            Turn(
                "agent",
                "Hello! Try this first: unplug it, open *Sound settings*, remove the device and plug it in "
                "again. Any better?",
                180,
                then="start",
            ),
            Turn("requester", "Tried, same thing.", 60),
            Turn(
                "agent",
                "Then it has served its time. A new one is waiting for you at the IT counter, no paperwork, "
                "just bring the old one.",
                45,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "ask|problem|model|room",
            "Headset: nobody hears me|people say I sound like I'm under water|Jabra Evolve2 40|room 2.05",
            "Replacement headset please|the left ear is dead|Poly Blackwire 5220|room 3.17",
            (
                "Mic cuts out in every call|my microphone drops every few minutes|Jabra Evolve 65|the sales "
                "floor"
            ),
            (
                "Broken headset cable|the cable is held together with tape and hope|Logitech Zone Wired|room "
                "1.31"
            ),
            (
                "Headset keeps disconnecting|Bluetooth drops whenever the lift goes past|Jabra Evolve2 "
                "65|room 4.02"
            ),
            (
                "Headset buzzing|there is a constant hum once the dock is connected|Poly Voyager 4320|the "
                "support room"
            ),
        ),
    ),
)
