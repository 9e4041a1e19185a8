"""Leave requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="leave-certificate-bank",
        service="leave",
        language="ru",
        title="Справка с места работы для {org}",
        description=(
            "Здравствуйте! Нужна справка с места работы для {org}: должность, стаж{extra}. Если можно, к "
            "{date_words}."
        ),
        priority="NORMAL",
        tags=("справка", "documents"),
        turns=(
            Turn(
                "agent",
                "Добрый день! Готовим. Справка нужна бумажная или хватит скана с электронной подписью?",
                150,
                then="start",
            ),
            Turn("requester", "{form}", 70),
            Turn("agent", "Справка готова. {handout}", 400, then="resolve"),
            Turn("requester", "Всё получено, спасибо большое", 120),
        ),
        outcome="done",
        variants=fill(
            "org|extra|date_words|form|handout",
            "банка|, доход за 12 месяцев|пятнице|Бумажная, с печатью|Забрать можно в кабинете 215 с 9 до 18.",
            (
                "визового центра|, оклад и даты отпуска|среде|Бумажная, две штуки|Две бумажные копии лежат "
                "на ресепшене в конверте с вашей фамилией."
            ),
            (
                "посольства|, оклад, на двух языках|следующему понедельнику|Бумажная|Двуязычный бланк ждёт "
                "вас в кабинете 215."
            ),
            "детского сада||концу недели|Скана хватит|Скан с подписью отправлен вам на почту.",
            "суда|, без указания дохода|четвергу|Бумажная|Забрать можно в кабинете 215, понадобится паспорт.",
            "соцзащиты|, состав выплат|двадцатому числу|Можно скан|Скан с подписью отправлен вам на почту.",
            (
                "ипотеки|, доход за 6 месяцев|завтрашнему дню, если реально|Бумажная по форме банка|По форме "
                "банка, в кабинете 215. Действует 30 дней, не затягивайте."
            ),
        ),
    ),
    Story(
        key="leave-balance",
        service="leave",
        language="en",
        title="How many days of leave do I have, {shown} or {counted}?",
        description=(
            "Hi HR, the portal shows {shown} days, I count {counted}. {reason} Which one is right? I'm "
            "planning {plan}."
        ),
        priority="LOW",
        tags=("leave",),
        turns=(
            Turn("agent", "Hello, let me go through your records.", 200, then="start"),
            Turn("agent", "{finding}. Portal will be right after the nightly import.", 45, internal=True),
            Turn(
                "agent",
                "You're right to ask. {answer} The portal will show it from tomorrow.",
                10,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "shown|counted|reason|plan|finding|answer",
            (
                "9|14|I worked on two bank holidays.|two weeks in September|Days in lieu never entered by "
                "the shift manager|It's 14: the days in lieu had not been entered."
            ),
            (
                "3|8|I was ill during my holiday in spring.|a week in October|Sick note arrived after the "
                "payroll cut-off|It's 8: your sick days had been counted as holiday."
            ),
            (
                "22|17|I don't want to take too many by mistake!|a month in Portugal|Carry-over counted "
                "twice at year change|It's 17: last year's rest was counted twice."
            ),
            (
                "0|5|I did carry them over.|Christmas|Carry-over form approved, but filed under a "
                "namesake|It's 5: your carry-over form had been filed wrongly."
            ),
            (
                "12|12.5|The half day in March was cancelled.|a long weekend|Half day really was cancelled, "
                "mail from the manager is there|It's 12.5: the half day is back."
            ),
        ),
    ),
    Story(
        key="leave-move-dates",
        service="leave",
        language="ru",
        title="Перенести отпуск {from_dates}",
        description=(
            "Добрый день. Прошу перенести отпуск {from_dates} на {to_dates}: {reason}. С руководителем "
            "согласовано устно."
        ),
        priority="NORMAL",
        tags=("отпуск",),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Устного согласования мало, нужна отметка руководителя здесь. Добавили его "
                "наблюдателем.",
                180,
                then="start",
            ),
            Turn("colleague", "Подтверждаю, не возражаю.", 600),
            Turn(
                "agent",
                "График отпусков правим задним числом, приказ номером с литерой. Отпускные ещё не "
                "выплачены, пересчёт не нужен.",
                90,
                internal=True,
            ),
            Turn(
                "agent",
                "Отпуск перенесён на {to_dates}, приказ придёт на подпись в портал. Отпускные выплатим за "
                "три дня до начала.",
                20,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "from_dates|to_dates|reason",
            "с 5 по 18 августа|с 2 по 15 сентября|совпал с пуском линии",
            "с 10 июня|с 1 июля|не успеваем сдать проект",
            "с 15 по 28 июля|с 29 июля по 11 августа|перенесли рейс",
            "с 1 по 7 октября|с 21 по 27 октября|сдача отчётности",
            "на майские|на последнюю неделю мая|надо закрыть смену коллеги",
            "с 23 декабря|с 9 января|годовая инвентаризация",
        ),
    ),
    Story(
        key="leave-parental",
        service="leave",
        language="en",
        title="Parental leave from {month}",
        description=(
            "Hello! Our baby is due in {month} and I'd like to take {length} of parental leave. What do you "
            "need from me, and by when? {question}"
        ),
        priority="NORMAL",
        tags=("leave", "documents"),
        turns=(
            Turn(
                "agent",
                "Congratulations! For the application we need the form from the intranet (*Forms → Parental "
                "leave*) and a copy of the due-date certificate.",
                160,
                then="start",
            ),
            Turn("requester", "Form and certificate are in the portal now.", 1500),
            Turn(
                "agent",
                "Notice period is kept. Check the bonus agreement before confirming: the last similar case "
                "was calculated wrongly and had to be paid back.",
                120,
                internal=True,
            ),
            Turn(
                "agent",
                "Thank you, complete. We're preparing the confirmation, you'll have it within two weeks.",
                30,
            ),
        ),
        outcome="in_progress",
        variants=fill(
            "month|length|question",
            "September|six months|Can I split it?",
            "November|two months|Does my bonus change?",
            "January|a year|Can I keep the laptop?",
            "March|four months|Can my partner and I overlap?",
            "June|three months|Can I work ten hours a week?",
        ),
    ),
    Story(
        key="leave-sick-note",
        service="leave",
        language="en",
        title="Sick note for {dates}",
        description="Good morning, I have a doctor's note for {dates}, the scan is in the portal. {extra}",
        priority="LOW",
        tags=("leave", "documents"),
        turns=(
            Turn("agent", "Thank you, received. Hope you're better!", 240, then="start"),
            Turn("agent", "Entered for {dates}. {answer}", 90, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "dates|extra|answer",
            "Monday and Tuesday|I'm back since today.|Nothing else needed.",
            "the whole last week|The original is in the post.|The scan is enough, you can keep the original.",
            (
                "the 3rd to the 14th|It may get longer.|If it gets longer, please send us the next note "
                "within three days."
            ),
            (
                "Thursday|Only one day, but better safe than sorry.|For one day no note is needed, but thank "
                "you."
            ),
            (
                "the 12th to the 16th|Could you tell my manager, please?|Your manager has been told the "
                "dates, not the reason."
            ),
            (
                "the 27th|I was sent home by the site nurse.|Counted as a paid half day, because you left "
                "during the shift."
            ),
        ),
    ),
    Story(
        key="leave-unused-transfer",
        service="leave",
        language="ru",
        title="Сгорают ли дни отпуска за {year}? ({days})",
        description=(
            "Добрый день! На портале {days} за {year}, {reason}. Подскажите, они сгорят или перейдут дальше? "
            "И можно ли получить за них компенсацию?"
        ),
        priority="LOW",
        tags=("отпуск",),
        turns=(),
        outcome="new_unassigned",
        variants=fill(
            "year|days|reason",
            "прошлый год|девять дней|было не до отпуска",
            "прошлый год|шесть дней|отпуск отзывали",
            "позапрошлый год|четыре дня|о них все забыли",
            "прошлый год|двенадцать дней|переход из другого филиала",
            "этот год|семь дней|в декабре взять не получится",
        ),
    ),
)
