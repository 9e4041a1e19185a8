"""Payroll questions, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="payroll-overtime",
        service="payroll",
        language="ru",
        title="Не учтены переработки за {period}",
        description=(
            "Здравствуйте. В расчётном листке нет переработок за {period}, а было {hours}: {reason}. Табель "
            "подписан."
        ),
        priority="HIGH",
        tags=("зарплата",),
        turns=(
            Turn("agent", "Добрый день! Проверим табель и начисление.", 120, then="start"),
            Turn(
                "agent",
                "В табеле часы есть, в расчёт не попали: {finding}. Доплату провести в межрасчёт, не ждать "
                "аванса.",
                200,
                internal=True,
            ),
            Turn(
                "agent",
                "Вы правы, часы выпали при загрузке табеля. Доначислим отдельной выплатой до конца недели.",
                30,
            ),
            Turn(
                "agent",
                "Доплата отправлена в банк, исправленный расчётный листок уже в портале. Извините за ошибку.",
                2800,
                then="resolve",
            ),
            Turn("requester", "Деньги пришли, спасибо", 300),
        ),
        outcome="done",
        variants=fill(
            "period|hours|reason|finding",
            "прошлый месяц|14 часов|закрытие квартала|код «С» вместо «СВ»",
            (
                "субботу, двадцать второе|8 часов|инвентаризация в субботу|выгрузка ушла до подписи "
                "начальника смены"
            ),
            "ночные смены|22 часа|пуск линии|лимит часов в правиле обрезал хвост",
            "вторую половину месяца|6 часов|ночной релиз|ночные посчитаны обычными",
            "дни замещения|11 часов|замена заболевшего коллеги|чужой табельный номер в одной строке",
            (
                "последние выходные|16 часов|переезд склада|табель загружен дважды, вторая загрузка "
                "перетёрла первую"
            ),
        ),
    ),
    Story(
        key="payroll-tax-code",
        service="payroll",
        language="en",
        title="My tax code changed to {code}",
        description=(
            "Hi, my net pay this month is {difference} lower than usual, and the tax code on the payslip is "
            "suddenly {code}. I haven't changed jobs or anything. {extra}"
        ),
        priority="HIGH",
        tags=("payroll",),
        turns=(
            Turn("agent", "Hello, I can see it. Let me check what the tax office sent us.", 90, then="start"),
            Turn(
                "agent",
                "{finding}. Not our mistake, but we can correct at source once the new notice arrives; "
                "don't promise a date.",
                60,
                internal=True,
            ),
            Turn(
                "agent",
                "The code came from the tax office with their last notice. It looks like they hold "
                "{reason}. Please call them or use their site; once they send us the new code, the "
                "difference is refunded automatically.",
                15,
            ),
            Turn(
                "requester",
                "Called them, took an hour, but they agree. New code should be with you this week.",
                1700,
            ),
            Turn(
                "agent",
                "The new code is in. You'll get the refund with the next pay run, and the corrected payslip "
                "is in the portal.",
                1300,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "difference|code|extra|finding|reason",
            "£212|BR|It's quite a hit.|Emergency code after the year change|no record of your main job",
            (
                "£148|0T|Rent is due on Friday.|Second employment reported by an agency|an old agency job as "
                "still active"
            ),
            (
                "£95|1004L|Last year it was different.|Benefit in kind for a car that was returned in "
                "June|the company car that you gave back"
            ),
            (
                "£173|K92|What does K even mean?|Underpayment from two years ago collected at once|an "
                "underpayment from an earlier year"
            ),
            (
                "£120|BR M1|Am I paying twice?|P45 not processed by them|no leaving papers from your "
                "previous employer"
            ),
        ),
    ),
    Story(
        key="payroll-bank-account",
        service="payroll",
        language="en",
        title="Change of my bank account from {month}",
        description=(
            "Hello, I have changed banks and would like my salary paid to the new account from {month}. The "
            "form is in the portal. {extra}"
        ),
        priority="NORMAL",
        tags=("payroll", "security"),
        turns=(
            Turn(
                "agent",
                "Thank you. For your safety we confirm such changes by phone; I'll call you on the number "
                "we have on file.",
                110,
                then="start",
            ),
            Turn(
                "agent",
                "Called back on the old number, identity confirmed with two questions. We had a fraud "
                "attempt by mail this year, so never skip that step.",
                45,
                internal=True,
            ),
            Turn(
                "agent",
                "Confirmed and changed. {month} salary goes to the new account. Keep the old one open until "
                "it has arrived.",
                10,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "month|extra",
            "March|Please confirm it's in time.",
            "April|The old account closes at the end of the month.",
            "June|The name on it includes my middle name.",
            "August|It's a joint account, is that OK?",
            "October|It is a German IBAN, I hope that's fine.",
            "December|Does the bonus go there as well?",
        ),
    ),
    Story(
        key="payroll-ndfl",
        service="payroll",
        language="ru",
        title="Справка о доходах за {year} для {purpose}",
        description="Добрый день! Нужна справка о доходах (бывшая 2-НДФЛ) за {year} для {purpose}. {form}",
        priority="NORMAL",
        tags=("зарплата", "справка"),
        turns=(
            Turn("agent", "Здравствуйте! Сделаем сегодня.", 180, then="start"),
            Turn("agent", "Готово: {answer}", 240, then="resolve"),
            Turn("requester", "Спасибо!", 60),
        ),
        outcome="done",
        variants=fill(
            "year|purpose|form|answer",
            (
                "прошлый год|налогового вычета|Достаточно электронной.|файл с подписью лежит в портале, "
                "раздел «Мои документы»."
            ),
            (
                "два последних года|кредита|Бумажная с печатью.|обе справки в кабинете 217, нужен пропуск "
                "или паспорт."
            ),
            "текущий год|визы|Бумажная, пожалуйста.|справка в кабинете 217, до 18:00.",
            (
                "прошлый год|вычета за лечение|Электронная.|файл с подписью лежит в портале, раздел «Мои "
                "документы»."
            ),
            "три последних года|суда|Бумажная, с печатью на каждой.|три справки в кабинете 217.",
            "прошлый год|вычета за обучение ребёнка|Любая.|отправили электронную в портал, так быстрее.",
        ),
    ),
    Story(
        key="payroll-bonus",
        service="payroll",
        language="en",
        title="Bonus for {period} missing",
        description=(
            "Hi, the bonus for {period} was announced as {amount} in my letter, but it isn't on the payslip. "
            "My manager says it was approved {date_words}."
        ),
        priority="HIGH",
        tags=("payroll",),
        turns=(
            Turn("agent", "Hello, checking the approved list.", 140, then="start"),
            Turn(
                "agent",
                "Name isn't in the file that Finance sent us. {finding}. Ask Finance for a supplement "
                "rather than fixing by hand.",
                50,
                internal=True,
            ),
            Turn(
                "agent",
                "You weren't in the list that reached us from Finance. We've asked them to check and "
                "confirm; as soon as they do, we pay it in the next run.",
                15,
                then="wait_third_party",
            ),
            Turn("requester", "Thanks. My manager is chasing them too.", 1400),
        ),
        outcome="waiting_third_party",
        variants=fill(
            "period|amount|date_words|finding",
            "Q1|£1,200|in March|Changed teams in the middle of the quarter",
            "Q2|£950|two weeks ago|Row filtered out in their sheet",
            "the year|£3,400|in December|Letter dated after the cut-off",
            "the Harbour project|£600|last month|Project bonus list is separate, and late",
            "Q3|£1,050|at the end of September|Cost centre was closed",
        ),
    ),
    Story(
        key="payroll-payslip-access",
        service="payroll",
        language="ru",
        title="Не открывается расчётный листок за {month}",
        description=(
            "Здравствуйте, не могу открыть расчётный листок за {month}: {symptom}. Прошлые открываются."
        ),
        priority="LOW",
        tags=("зарплата", "доступ"),
        turns=(
            Turn("agent", "Здравствуйте! Листок сформирован, проверим права.", 150, then="start"),
            Turn(
                "agent",
                "Файл на месте, права выданы. Скорее всего, открывается с личного телефона, а туда листки с "
                "лета не отдаются.",
                20,
                internal=True,
            ),
            Turn(
                "agent",
                "У нас листок открывается. С какого устройства вы заходите: рабочий компьютер или телефон? "
                "С личных телефонов доступ к расчётным листкам закрыт.",
                10,
                then="wait_requester",
            ),
        ),
        outcome="waiting_requester",
        variants=fill(
            "month|symptom",
            "январь|пустая страница",
            "апрель|просит пароль, которого никто не давал",
            "июнь|пишет «нет доступа»",
            "август|файл весит ноль байт",
            "ноябрь|вместо текста квадратики",
        ),
    ),
    Story(
        key="payroll-advance",
        service="payroll",
        language="ru",
        title="Вопрос по авансу: {question}",
        description="Добрый день! {details} Подскажите, пожалуйста, {question}?",
        priority="NORMAL",
        tags=("зарплата",),
        turns=(Turn("requester", "Вопрос снимается, {reason}. Хорошего дня!", 65, then="cancel"),),
        outcome="canceled_by_requester",
        variants=fill(
            "question|details|reason",
            (
                "когда придёт аванс|Обычно приходит двадцатого, сегодня двадцатое, а его нет.|только что "
                "пришло сообщение из банка"
            ),
            (
                "почему сумма меньше|Аванс на две тысячи меньше обычного.|в прошлом месяце был больничный, "
                "всё сходится"
            ),
            "можно ли перенести дату|Срок платежа по ипотеке раньше аванса.|банк сам сдвинул дату",
            "придёт ли на новую карту|Банк перевыпустил карту.|счёт прежний, всё пришло",
            "будет ли перед праздниками|Двадцатое выпадает на выходной.|ответ нашёлся на портале",
        ),
    ),
)
