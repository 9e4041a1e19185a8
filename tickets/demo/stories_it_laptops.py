"""Laptop and equipment requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="laptop-wont-start",
        service="laptops",
        language="ru",
        title="Ноутбук {device} не включается",
        description=(
            "Доброе утро. Ноутбук {device} не включается совсем: {symptom}. Вчера вечером всё было "
            "нормально.\n\nСижу в {room}, {event}. Можно хоть какой-то на замену?"
        ),
        priority="URGENT",
        tags=("ноутбук", "hardware"),
        turns=(
            Turn(
                "agent",
                "Доброе утро! Несём подменный, будем минут через пятнадцать. Старый пока не трогайте и "
                "уберите с зарядки.",
                6,
                then="start",
            ),
            Turn(
                "agent",
                "Подменный `{spare}` выдан, ваши документы подтянутся из облака сами. {device} забираем на "
                "диагностику.",
                25,
            ),
            Turn(
                "agent",
                "{finding}. Диск цел, данные сняли на образ на всякий случай. Чинить есть смысл, гарантия "
                "до следующего года.",
                190,
                internal=True,
            ),
            Turn(
                "agent",
                "Ноутбук отремонтирован: {fix}. Можно забрать на стойке ИТ с 10 до 18, подменный принесите "
                "с зарядкой.",
                2400,
                then="resolve",
            ),
            Turn("requester", "Обмен состоялся, всё работает. Спасибо, выручили!", 200),
        ),
        outcome="done",
        variants=fill(
            "device|symptom|room|event|spare|finding|fix",
            (
                "NW-LT-0231|чёрный экран, индикатор мигает три раза|кабинете 412|в десять "
                "переговоры|NW-LT-0902|Не проходит самотест памяти, второй модуль мёртвый|заменили модуль "
                "памяти"
            ),
            (
                "NW-LT-0388|кнопка загорается и сразу гаснет|кабинете 207|сегодня сдаём "
                "отчёт|NW-LT-0905|Цепь питания, подгорел разъём зарядки|заменили разъём питания"
            ),
            (
                "NW-LT-0455|шумит вентилятор и больше ничего|кабинете 518|весь день "
                "созвоны|NW-LT-0907|Слетела прошивка BIOS после ночного обновления|восстановили прошивку"
            ),
            (
                "NW-LT-0190|не реагирует ни на что|открытой зоне на третьем этаже|после обеда демо для "
                "заказчика|NW-LT-0901|Батарея ушла в защиту, напряжение ноль|заменили батарею"
            ),
            (
                "NW-LT-0674|писк при включении и тишина|кабинете 330|встреча с аудиторами|NW-LT-0910|Отошёл "
                "шлейф клавиатуры, закоротило плату индикации|переподключили шлейф и почистили"
            ),
            (
                "NW-LT-0520|пишет No bootable device|кабинете 115|надо отправить платежи до "
                "12|NW-LT-0904|Контакт NVMe, диск видится через раз|переставили накопитель, закрепили"
            ),
        ),
    ),
    Story(
        key="laptop-new-starter",
        service="laptops",
        language="ru",
        title="Рабочее место для новичка: {person}, {position}",
        description=(
            "Добрый день!\n\n{date_words} выходит {person}, {position}. Нужно рабочее место в {room}:\n\n"
            '- ноутбук ({spec});\n- монитор 27" и док-станция;\n- гарнитура.'
        ),
        priority="NORMAL",
        tags=("onboarding", "ноутбук", "hardware"),
        turns=(
            Turn("agent", "Здравствуйте! Ноутбук есть на складе, резервируем.", 210, then="start"),
            Turn(
                "agent",
                "Забронировано: `{device}`, монитор `{monitor}`. Док-станции кончились, ждём поставку, на "
                "первые дни дадим USB-хаб.",
                60,
            ),
            Turn("colleague", "Уточнение: место у окна, второе слева, там уже есть розетки", 300),
            Turn(
                "agent",
                "Место собрано и проверено, логин и временный пароль отправлены руководителю. Док-станцию "
                "донесём сами.",
                1500,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "person|position|date_words|room|spec|device|monitor",
            "Глеб Тарасов|аналитик|В понедельник|кабинете 405|обычный офисный|NW-LT-0811|NW-MN-0344",
            "Вероника Лапина|дизайнер|Пятнадцатого|кабинете 512|MacBook Pro, 32 ГБ|NW-LT-0815|NW-MN-0351",
            "Рустам Хасанов|разработчик|Через неделю|кабинете 330|32 ГБ памяти, Linux|NW-LT-0818|NW-MN-0352",
            (
                "Ульяна Громова|бухгалтер|Первого числа|кабинете 118|обычный, с цифровым блоком на "
                "клавиатуре|NW-LT-0820|NW-MN-0358"
            ),
            (
                "Степан Мельник|инженер по качеству|В среду|лаборатории 1.07|защищённый корпус, для "
                "цеха|NW-LT-0823|NW-MN-0360"
            ),
            (
                "Алиса Корнеева|менеджер по продажам|На следующей неделе|кабинете 221|лёгкий, много "
                "ездит|NW-LT-0826|NW-MN-0363"
            ),
        ),
    ),
    Story(
        key="laptop-battery",
        service="laptops",
        language="en",
        title="Battery of {device} lasts {minutes} minutes",
        description=(
            "Hi, the battery of my laptop ({device}, {model}) is down to about {minutes} minutes. I can't "
            "make it through one meeting without the charger.\n\n`powercfg /batteryreport` says:\n\n```\n"
            "DESIGN CAPACITY      57,000 mWh\nFULL CHARGE CAPACITY {capacity} mWh\n```"
        ),
        priority="NORMAL",
        tags=("hardware",),
        turns=(
            Turn(
                "agent",
                "Hello, thanks for the report, that battery has earned its rest. Checking the warranty.",
                130,
                then="start",
            ),
            Turn(
                "agent",
                "Still under warranty. Ordered a replacement from the vendor, reference {vendor_ref}; they "
                "quote 3 to 5 working days.",
                35,
                then="wait_third_party",
            ),
            Turn("requester", "Any news? It died in front of a customer today.", 3000),
            Turn(
                "agent",
                "Parcel is in customs, expected tomorrow. If it's urgent, pick up a loaner from the IT "
                "counter any time.",
                90,
            ),
            Turn(
                "agent",
                "The battery has arrived. Please drop by with the laptop, it takes twenty minutes.",
                1400,
                then="resume",
            ),
            Turn("agent", "Replaced, calibrated, and the old one is off to recycling.", 300, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "device|model|minutes|capacity|vendor_ref",
            "NW-LT-0267|Latitude 5430|40|14,210|RMA-88120",
            "NW-LT-0312|ThinkPad T14|25|9,870|RMA-88164",
            "NW-LT-0349|EliteBook 840|55|17,450|RMA-88211",
            "NW-LT-0291|Latitude 7420|30|11,030|RMA-88239",
            "NW-LT-0423|ThinkPad X1|45|15,660|RMA-88302",
        ),
    ),
    Story(
        key="laptop-disk-full",
        service="laptops",
        language="en",
        title='"Low disk space" on {device}, only {free} left',
        description=(
            "Hello, {device} complains about disk space all day: {free} free of 256 GB. I have already "
            "emptied the bin and Downloads. {extra}\n\nCan I have a bigger drive?"
        ),
        priority="NORMAL",
        tags=("hardware",),
        turns=(
            Turn(
                "agent",
                "Hi, let's see first what's eating it. May I connect remotely in the next half hour?",
                140,
                then="start",
            ),
            Turn("requester", "Sure, I'm at the desk, go ahead.", 25),
            Turn(
                "agent",
                "{finding}. Freed 90+ GB. A bigger drive isn't justified, profile itself is 40 GB.",
                40,
                internal=True,
            ),
            Turn(
                "agent",
                "Found it: {public_finding}. You now have more than 90 GB free, no new drive needed. It "
                "won't grow back: we set a limit.",
                5,
                then="resolve",
            ),
            Turn("requester", "Magic. Thanks!", 30),
        ),
        outcome="done",
        variants=fill(
            "device|free|extra|finding|public_finding",
            (
                "NW-LT-0274|1.2 GB|OneDrive has stopped syncing as well.|Outlook OST at 62 GB plus three old "
                "Windows.old trees|old Windows files and an oversized mail cache"
            ),
            (
                "NW-LT-0367|640 MB|Teams can't even update.|Teams cache and 70 GB of crash dumps in "
                "C:\\Windows\\LiveKernelReports|crash reports that nobody deletes"
            ),
            (
                "NW-LT-0498|2.0 GB|I can't save the drawings.|CAD temp folder from 2021 on, 85 GB|temporary "
                "files of the CAD program"
            ),
            (
                "NW-LT-0530|300 MB|It freezes every hour.|Docker images, 96 GB, last used in March|old "
                "Docker images"
            ),
            (
                "NW-LT-0666|900 MB|Updates fail with 0x80070070.|SCCM cache never cleaned, 71 GB, plus "
                "hiberfil|leftover installation packages"
            ),
        ),
    ),
    Story(
        key="laptop-refresh",
        service="laptops",
        language="ru",
        title="Плановая замена ноутбука {device}",
        description=(
            "Здравствуйте. Ноутбуку {device} уже {age}, {problem}. В списке на плановую замену он есть, "
            "когда ждать?\n\nЕсли можно выбирать, то {wish}."
        ),
        priority="NORMAL",
        tags=("ноутбук", "hardware"),
        turns=(
            Turn("agent", "Здравствуйте! Да, {device} в списке этого квартала.", 300, then="start"),
            Turn(
                "agent",
                "Партия оплачена, {vendor}. Привезти обещают в конце месяца, но в прошлый раз слово «конец» "
                "понимали широко. Людям конкретную дату не называем.",
                70,
                internal=True,
            ),
            Turn(
                "agent",
                "Новые ноутбуки заказаны, ждём поставку. Как приедут, согласуем удобное время: перенос "
                "данных занимает часа два.",
                20,
                then="wait_third_party",
            ),
        ),
        outcome="waiting_third_party",
        variants=fill(
            "device|age|problem|wish|vendor",
            "NW-LT-0041|пять лет|сборка проекта занимает полдня|лучше с экраном 16 дюймов|счёт 1184",
            "NW-LT-0058|больше пяти лет|вентилятор воет на весь кабинет|полегче, часто езжу|счёт 1184",
            "NW-LT-0063|шестой год|в Teams зависает видео|с русской гравировкой клавиш|счёт 1207",
            "NW-LT-0072|пять с половиной лет|не хватает памяти на две таблицы|с матовым экраном|счёт 1207",
            "NW-LT-0085|пять лет|петля экрана держится на честном слове|такой же, только новый|счёт 1215",
        ),
    ),
)
