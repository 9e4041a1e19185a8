"""Meeting room, building access and supplies requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="rooms-projector",
        service="rooms",
        language="ru",
        title="{room}: {symptom}",
        description="Коллеги, в переговорной {room} {symptom}. {event} Пульт живой, батарейки новые.",
        priority="HIGH",
        tags=("переговорная", "hardware"),
        turns=(
            Turn("agent", "Идём!", 7, then="start"),
            Turn(
                "agent",
                "{answer} Если повторится, на столе лежит карточка с телефоном дежурного.",
                25,
                then="resolve",
            ),
            Turn("requester", "Успели, спасибо!", 30),
        ),
        outcome="done",
        variants=fill(
            "room|symptom|event|answer",
            (
                "«Байкал»|не включается экран|Через полчаса заказчик.|Экран был отключён от питания уборкой, "
                "включили и закрепили вилку."
            ),
            (
                "«Эльбрус»|нет звука на созвоне|Идёт встреча с филиалом.|Звук уходил на отключённую колонку, "
                "переключили на панель."
            ),
            (
                "«Ангара»|камера показывает потолок|Собеседование в 15:00.|Камеру вернули в исходное, "
                "положение сохранили."
            ),
            (
                "«Алтай»|проектор мигает красным|В двенадцать совет директоров.|Лампа перегрелась, почистили "
                "фильтр; запасной проектор стоит рядом."
            ),
            (
                "«Селигер»|не подключается ноутбук к экрану|Уже сидим, ждём.|Заменили кабель, старый был "
                "перебит креслом."
            ),
            (
                "«Онега»|панель бронирования зависла|Комната занята, а показывает свободно.|Перезагрузили "
                "панель, брони подтянулись."
            ),
        ),
    ),
    Story(
        key="rooms-setup",
        service="rooms",
        language="en",
        title="{event} on {date_words}: room set-up",
        description=(
            'Hi Office team, we need {room} on {date_words} ("{event}"):\n\n- seating: {seating}\n'
            "- {count} people\n- {extra}\n\nThank you!"
        ),
        priority="NORMAL",
        tags=("room",),
        turns=(
            Turn("agent", "Hello! The room is yours. We'll set it up the evening before.", 230, then="start"),
            Turn("requester", "Great. Two more people, if that's still possible?", 300),
            Turn("agent", "Of course, two more chairs.", 60),
            Turn(
                "agent",
                "Everything is in place. The spare key and the clicker are at reception.",
                2200,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "event|date_words|room|seating|count|extra",
            "Supplier day|Thursday|the Harbour room|U shape|18|coffee at 10 and 15",
            "Team workshop|the 12th|the training room|four islands|24|two flip charts",
            "Town hall|Friday|the canteen|rows|90|a microphone, please",
            "Interview day|Tuesday|rooms 1.04 and 1.05|one table each|6|water and glasses",
            "First-aid course|the 21st|the training room|empty floor|16|mats are delivered at 8",
            "Board meeting|Monday|the boardroom|one long table|12|lunch, two vegetarians",
        ),
    ),
    Story(
        key="rooms-double-booking",
        service="rooms",
        language="en",
        title="Double booking: {room}, {time}",
        description=(
            '{room} is booked twice {time}: by me and by {other}. Both invitations say "accepted". Who gets '
            "it?"
        ),
        priority="HIGH",
        tags=("room", "calendar"),
        turns=(
            Turn("agent", "Sorry about that! Looking for a second room.", 10, then="start"),
            Turn("colleague", "We're only four, we can move if there is something with a screen.", 6),
            Turn("agent", "Cause: {cause}. Told IT, it isn't ours to fix.", 8, internal=True),
            Turn(
                "agent",
                "Solved: {other} moves to {second}, you keep {room}. Thanks for being flexible.",
                5,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "room|time|other|second|cause",
            "Harbour|today at 14:00|Marketing|Pier|room policy allows conflicts for recurring meetings",
            "Pier|tomorrow at 9:30|the audit team|Dock 2|booked once by phone, once in Outlook",
            "Boardroom|on Wednesday at 11:00|Sales|Harbour|a delegate accepted by hand",
            "Dock 1|this afternoon|Recruiting|Dock 3|calendar sync was late",
            "Lighthouse|on Monday at 10:00|Product|Pier|old series without an end date",
        ),
    ),
    Story(
        key="rooms-climate",
        service="rooms",
        language="ru",
        title="{problem}, {room}",
        description="Здравствуйте! {room_cap}: {details} Просьба что-нибудь сделать, {reason}.",
        priority="NORMAL",
        tags=("переговорная",),
        turns=(
            Turn("agent", "Здравствуйте, проверим с инженером здания.", 90, then="start"),
            Turn(
                "agent",
                "Передаю тому, кто дежурит по зданию. Инженер был: {finding}. Подрядчик по вентиляции "
                "выезжает раз в неделю, ускорить можно только за отдельные деньги.",
                130,
                internal=True,
                then="hand_over",
            ),
            Turn(
                "agent",
                "Инженер подтвердил неисправность, вызван подрядчик. До ремонта можно пересесть в соседнюю "
                "комнату, предупредим ресепшен.",
                15,
                then="wait_third_party",
            ),
        ),
        outcome="waiting_third_party",
        variants=fill(
            "problem|room|room_cap|details|reason|finding",
            (
                "Очень холодно|кабинет 305|В кабинете 305|семнадцать градусов с утра.|сидим в "
                "куртках|заклинило клапан отопления"
            ),
            (
                "Жарко и душно|«Эльбрус»|В «Эльбрусе»|через полчаса нечем дышать.|людям становится плохо|не "
                "крутится приточный вентилятор"
            ),
            "Капает кондиционер|кабинет 512|В кабинете 512|капает прямо на стол.|рядом техника|забит дренаж",
            (
                "Гудит вентиляция|«Ангара»|В «Ангаре»|гул такой, что не слышно собеседника.|у нас "
                "собеседования|разбит подшипник"
            ),
            (
                "Запах гари|кабинет 118|В кабинете 118|пахнет, когда включается обогрев.|страшновато|пыль на "
                "нагревателе, нужна чистка"
            ),
        ),
    ),
    Story(
        key="access-badge-broken",
        service="access",
        language="ru",
        title="Пропуск не открывает {door}",
        description="Доброе утро! Пропуск {badge} {date_words} не открывает {door}. {other}",
        priority="NORMAL",
        tags=("пропуск",),
        turns=(
            Turn("agent", "Здравствуйте! Посмотрим, что с правами.", 35, then="start"),
            Turn("agent", "{finding}.", 20, internal=True),
            Turn(
                "agent",
                "Исправлено, попробуйте, пожалуйста, ещё раз. Если считыватель пискнет дважды, подойдите к "
                "охране, карту перепишут за минуту.",
                10,
                then="resolve",
            ),
            Turn("requester", "Открывает, спасибо", 25),
        ),
        outcome="done",
        variants=fill(
            "door|badge|date_words|other|finding",
            (
                "турникет|30412|с утра|Охрана пока пускает по паспорту.|Карта попала в список утерянных "
                "из-за похожего номера"
            ),
            (
                "лабораторию 1.07|30877|второй день|Остальные двери работают.|Допуск кончился вместе с "
                "инструктажем, инструктаж пройден вчера"
            ),
            "парковку|31205|с понедельника|Приходится просить соседей.|Место переписали при переезде отдела",
            "архив|30119|после отпуска|Раньше открывал.|Автоматическая блокировка за 30 дней без входа",
            (
                "склад|31560|сегодня|Смена началась, ждём у двери.|Считыватель потерял связь, перезапущен "
                "контроллер"
            ),
            "серверную|30045|со вчерашнего вечера|Дежурство ночное.|Срок допуска истёк, продлён по приказу",
        ),
    ),
    Story(
        key="access-lost-badge",
        service="access",
        language="en",
        title="Lost badge {badge}",
        description="Hello, I lost my badge ({badge}) {place}. Please block it. {extra}",
        priority="HIGH",
        tags=("badge", "security"),
        turns=(
            Turn(
                "agent",
                "Blocked. A temporary badge is waiting at reception, please bring an ID.",
                5,
                then="start",
            ),
            Turn("agent", "Last use {last_use}, by the owner. No attempts since.", 15, internal=True),
            Turn("requester", "Picked up the temporary one, thanks. When do I get a new one?", 150),
            Turn(
                "agent",
                "The new badge is printed and at reception; please hand back the temporary one. If you find "
                "the old one, bring it along, it can't be unlocked.",
                1300,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "badge|place|extra|last_use",
            "20417|at the gym|My locker key was on it.|18:40, main entrance",
            "20553|somewhere on the Tube|I noticed this morning.|17:15, turnstile 2",
            "20688|at lunch|It had my name on the lanyard.|12:05, garden door",
            "20731|on a hike|Don't ask why I had it there.|Friday 16:20, car park",
            "20102|moving house|It's in one of 60 boxes.|Thursday 18:00, main entrance",
            "20894|at the airport|I fly back on Wednesday.|19:30, main entrance",
        ),
    ),
    Story(
        key="access-visitor",
        service="access",
        language="en",
        title="Visitor pass for {person} {date_words}",
        description=(
            "Please prepare a visitor pass for {person} ({company}), {date_words} at {time}. They come by "
            "car, so a parking space would be nice."
        ),
        priority="NORMAL",
        tags=("badge",),
        turns=(Turn("requester", "{reason}, no pass needed. Thanks anyway!", 170, then="cancel"),),
        outcome="canceled_by_requester",
        variants=fill(
            "person|company|date_words|time|reason",
            "Klaus Richter|Kord Automation|tomorrow|10:00|We moved it online",
            "Aoife Byrne|Byrne & Daly|on Thursday|14:00|The visit is cancelled",
            "Henrik Larsen|Nordkap Shipping|on Friday|9:30|They are ill",
            "Julie Dubois|Atelier Nord|on Monday|11:00|We meet at their place instead",
            "Peter Novak|Fenwick Testing|this afternoon|15:30|The train strike won",
        ),
    ),
    Story(
        key="access-parking",
        service="access",
        language="ru",
        title="Место на парковке: {reason}",
        description=(
            "Здравствуйте! Прошу место на парковке у корпуса {building}, {term}. Причина: {reason}. Машина: "
            "{car}."
        ),
        priority="LOW",
        tags=("пропуск",),
        turns=(
            Turn("agent", "Здравствуйте! Заявка у нас, посмотрим схему парковки на этой неделе.", 200),
            Turn(
                "agent",
                "Свободны места 14 и 31, но 31 держим под такси для ночной смены.",
                20,
                internal=True,
            ),
        ),
        outcome="new_claimed",
        variants=fill(
            "reason|building|term|car",
            "ранние смены|«А»|на три месяца|серая Lada Vesta",
            "вожу оборудование на объекты|«Б»|постоянно|белый Ford Transit",
            "травма ноги|«А»|на шесть недель|синяя Kia Rio",
            "поздние дежурства|«В»|на зиму|чёрная Skoda Octavia",
            "далеко ехать, электричка отменена|«Б»|до конца ремонта путей|красный Renault Logan",
        ),
    ),
    Story(
        key="supplies-order",
        service="supplies",
        language="en",
        title="{ask}",
        description=(
            "Hi, could we please get the following for {room}?\n\n- {item_one}\n- {item_two}\n\n"
            "Not urgent, any day this week is fine."
        ),
        priority="LOW",
        tags=("room",),
        turns=(
            Turn(
                "agent",
                "Hello, most of it is in the cupboard. I'll bring it tomorrow with the round.",
                260,
                then="start",
            ),
            Turn("agent", "Delivered. {note}", 1400, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "ask|room|item_one|item_two|note",
            (
                "Whiteboard markers and paper|room 2.14|12 whiteboard markers|2 boxes of A4|Please close the "
                "markers, they dry out in a day."
            ),
            "Stationery for the new team|room 3.08|10 notebooks|20 pens|We added sticky notes as a welcome.",
            (
                "Post room supplies|the post room|300 C4 envelopes|packing tape|Envelopes come in 250s, so "
                "you have 500."
            ),
            (
                "Kitchen is out of things|the kitchen on floor 2|coffee filters|dishwasher tabs|The order is "
                "weekly from now on."
            ),
            "Labels and folders|Finance|40 lever arch folders|label sheets|Folders are the recycled ones.",
            (
                "Batteries and cables|the training room|AA batteries|a 2 m HDMI cable|Old batteries go into "
                "the red box."
            ),
        ),
    ),
    Story(
        key="supplies-furniture",
        service="supplies",
        language="ru",
        title="{ask}",
        description="Добрый день! {details} Кабинет {room}. Можно заменить?",
        priority="NORMAL",
        tags=("hardware",),
        turns=(
            Turn("agent", "Здравствуйте! Зайдём посмотреть.", 300, then="start"),
            Turn(
                "agent",
                "Смотрели на месте: {finding}. Новую мебель до конца года не закупаем, бюджет закрыт.",
                200,
                internal=True,
            ),
            Turn(
                "agent",
                "Замену отменяем: {answer}. Если станет хуже, заведите, пожалуйста, новую заявку с "
                "фотографией.",
                20,
                then="cancel",
            ),
        ),
        outcome="canceled_by_staff",
        variants=fill(
            "ask|details|room|finding|answer",
            (
                "Сломано кресло|Кресло само опускается.|412|клапан, чинится за десять минут|кресло починили "
                "на месте, замена не нужна"
            ),
            "Шатается стол|Стол качается, когда печатаешь.|207|не докручены ножки|стол подтянули и выровняли",
            (
                "Нужен шкаф|Документы лежат на полу.|330|в соседнем кабинете пустует шкаф|перенесли к вам "
                "свободный шкаф из 328"
            ),
            (
                "Не закрывается тумба|Замок тумбы заело.|118|сломан ключ, личинка цела|сделали новый ключ, "
                "второй у завхоза"
            ),
            (
                "Хочу стол с подъёмом|Спина болит сидеть.|511|подъёмные столы только по медицинской "
                "справке|такие столы выдают по справке врача, порядок есть на портале"
            ),
        ),
    ),
)
