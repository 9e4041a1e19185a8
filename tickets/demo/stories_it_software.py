"""Software and sign-in requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="software-licence-adobe",
        service="software",
        language="en",
        title="Licence for {product}",
        description="Hi, I need {product} for {purpose}. My manager has agreed. Laptop: {device}.",
        priority="NORMAL",
        tags=("licence",),
        turns=(
            Turn("agent", "Hello, checking for a free seat.", 150, then="start"),
            Turn(
                "agent",
                "{seats}. Cost centre confirmed with the manager. Assigning and putting the reclaim "
                "reminder at 90 days without use.",
                20,
                internal=True,
            ),
            Turn(
                "agent",
                "Assigned. It will install itself from *Company Portal* the next time you're online; sign "
                "in with your work account, not a private one.",
                10,
                then="resolve",
            ),
            Turn("requester", "Installed and activated, thank you!", 300),
        ),
        outcome="done",
        variants=fill(
            "product|purpose|device|seats",
            "Acrobat Pro|filling in tender forms|NW-LT-0329|One seat left after the June clean-up",
            "Figma (full seat)|the new intranet mock-ups|NW-LT-0815|Two free seats",
            "Visio Plan 2|the process maps for the audit|NW-LT-0344|Four free seats",
            "AutoCAD LT|reading the supplier's drawings|NW-LT-0498|None free, reclaimed one from a leaver",
            "Camtasia|training videos for the warehouse|NW-LT-0512|One free seat",
            "Power BI Pro|the sales dashboard|NW-LT-0381|Pool is large, nine free",
        ),
    ),
    Story(
        key="software-1c-access",
        service="software",
        language="ru",
        title="1С: {error}",
        description="Добрый день! При входе в базу {base} выдаёт: «{error}». Вчера работало. {event}",
        priority="HIGH",
        tags=("1с", "доступ"),
        turns=(
            Turn("agent", "Здравствуйте! Смотрим, кто ещё затронут.", 12, then="start"),
            Turn(
                "agent",
                "{finding}. Остальные пользователи базы в порядке, перезапуск сервера не нужен.",
                18,
                internal=True,
            ),
            Turn("agent", "Поправили. Закройте, пожалуйста, 1С полностью (в трее тоже) и войдите снова.", 10),
            Turn("requester", "Пустило, спасибо огромное!", 15),
            Turn("agent", "Хорошо, закрываем.", 10, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "error|base|event|finding",
            (
                "Недостаточно прав доступа|«Бухгалтерия»|Платёжки до 12 надо отправить.|Роль слетела при "
                "переносе профилей групп в ночном релизе"
            ),
            (
                "Сеанс работы завершён администратором|«Зарплата и кадры»|Сегодня начисление аванса.|Завис "
                "старый сеанс с вечера, снят вручную"
            ),
            (
                "Не найдена лицензия|«Склад»|Отгрузка стоит.|Программный ключ занят тестовой базой, "
                "отключили её от пула"
            ),
            (
                "Пользователь не прошёл аутентификацию|«Документооборот»|Горит согласование "
                "договора.|Доменное имя сменилось при объединении филиалов, в 1С осталось старое"
            ),
            "Файл базы данных повреждён|«Торговля»|Клиент на линии.|Битый локальный кэш, каталог 1cv8 очищен",
            (
                "Конфликт блокировок при выполнении транзакции|«Бухгалтерия»|Закрываем месяц.|Фоновое "
                "перепроведение шло в рабочее время, перенесли на ночь"
            ),
        ),
    ),
    Story(
        key="software-excel-crash",
        service="software",
        language="en",
        title="Excel crashes with {file}",
        description=(
            "Excel closes without a word every time I {action} in `{file}`. The rest works. Version "
            "{version}. I need it for {event}."
        ),
        priority="HIGH",
        tags=("licence",),
        turns=(
            Turn(
                "agent",
                "Hi, can you share the file with helpdesk@? We'll try it on a test machine.",
                35,
                then="start",
            ),
            Turn("requester", "Shared.", 20),
            Turn(
                "agent",
                "Reproduced: an old COM add-in ({addin}) calls a function removed in the current channel. "
                "Disabled by policy for this user.",
                50,
                internal=True,
            ),
            Turn(
                "agent",
                "The add-in *{addin}* was the culprit, we've turned it off for you. The file itself is "
                "healthy.",
                10,
                then="resolve",
            ),
            Turn(
                "requester",
                "It was fine for a day, and this morning the add-in is back and so is the crash :(",
                1100,
                then="reopen",
            ),
            Turn(
                "agent",
                "Of course: the department's login script re-registers it. Script corrected, and told its "
                "author.",
                30,
                internal=True,
            ),
            Turn(
                "agent",
                "A start-up script kept switching it back on. Fixed at the source now and tested after two "
                "restarts.",
                25,
                then="resolve",
            ),
            Turn("requester", "Two days, no crash. Thanks for not giving up!", 1300),
        ),
        outcome="reopened_done",
        variants=fill(
            "file|action|version|event|addin",
            "forecast_q3.xlsx|refresh a pivot|2405|the board pack|StockQuote 3",
            'stock_count.xlsm|press "Import"|2406|the stocktake|WMS Link',
            "budget_master.xlsx|paste values|2404|the budget round|BudgetTools",
            "price_list.xlsx|sort by column|2407|the new price list|PriceSync",
            "cashflow.xlsm|open the second sheet|2405|the bank meeting|BankFeed 2019",
        ),
    ),
    Story(
        key="software-update-broke",
        service="software",
        language="ru",
        title="После обновления {product} {problem}",
        description=(
            "Коллеги, {date_words} {product} обновился до {version}, и теперь {problem}. Переустановка не "
            "помогла. Ноутбук {device}."
        ),
        priority="NORMAL",
        tags=("ноутбук",),
        turns=(
            Turn("agent", "Здравствуйте! Проверим на тестовой машине с той же версией.", 85, then="start"),
            Turn(
                "agent",
                "На {version} воспроизводится, на предыдущей нет. Передаю тому, кто собирает пакеты: нужен "
                "откат через портал, но сначала понять, не потянет ли он за собой формат файлов.",
                120,
                internal=True,
                then="hand_over",
            ),
            Turn(
                "agent",
                "Повторили у себя, дело действительно в новой версии. Готовим откат, сегодня-завтра "
                "поставим.",
                30,
            ),
            Turn("requester", "Хорошо, пока работаю через веб", 60),
        ),
        outcome="in_progress",
        variants=fill(
            "product|problem|date_words|version|device",
            "Teams|не видно камеру|вчера|24180|NW-LT-0335",
            "Outlook|не открываются вложения|в понедельник|2406|NW-LT-0409",
            "КОМПАС|пропали шрифты на чертежах|утром|22.0.8|NW-LT-0498",
            "Chrome|не подписываются документы ЭЦП|в пятницу|126|NW-LT-0561",
            "КриптоПро|не находится сертификат|позавчера|5.0.13|NW-LT-0607",
            "Acrobat|печатает пустые страницы|на прошлой неделе|2024.002|NW-LT-0683",
        ),
    ),
    Story(
        key="software-crypto-signature",
        service="software",
        language="ru",
        title="Не подписывается {doc}: ошибка ЭЦП",
        description=(
            "Помогите, пожалуйста! Сегодня до {time} надо отправить {doc_acc}, а подпись не ставится:\n\n"
            "```\n{error}\n```\n\nТокен вставлен, лампочка горит, {device}."
        ),
        priority="URGENT",
        tags=("доступ", "security"),
        turns=(
            Turn(
                "agent",
                "Подключаемся к вам удалённо, подтвердите, пожалуйста, запрос на экране.",
                5,
                then="start",
            ),
            Turn("requester", "подтверждаю", 3),
            Turn(
                "agent",
                "{finding}. Срок самого сертификата ещё два месяца, продление завести заранее, иначе "
                "повторится.",
                20,
                internal=True,
            ),
            Turn(
                "agent",
                "Готово, {doc_acc} подписали и отправили вместе с вами. За месяц до окончания сертификата "
                "мы сами напомним про перевыпуск.",
                4,
                then="resolve",
            ),
            Turn("requester", "Успели за 20 минут до срока. Вы спасли наш отдел!", 10),
        ),
        outcome="done",
        variants=fill(
            "doc|doc_acc|time|error|device|finding",
            (
                "отчёт в ФНС|отчёт в ФНС|18:00|0x8009200B: не удаётся найти закрытый "
                "ключ|NW-LT-0561|Контейнер на токене не был привязан к сертификату"
            ),
            (
                "форма ЕФС-1|форму ЕФС-1|17:00|Построение цепочки сертификатов невозможно|NW-LT-0607|Не "
                "хватало корневого сертификата Минцифры"
            ),
            (
                "акт сверки|акт сверки|16:30|Истёк срок действия лицензии КриптоПро|NW-LT-0618|Лицензия была "
                "временная, ввели корпоративную"
            ),
            (
                "договор поставки|договор поставки|15:00|Плагин не загружен|NW-LT-0622|Расширение "
                "отключилось с обновлением браузера"
            ),
            (
                "заявка на тендер|заявку на тендер|14:00|Ошибка 0x80090016: набор ключей не "
                "существует|NW-LT-0629|Токен читался через неисправный хаб, вставили напрямую"
            ),
            (
                "уведомление в банк|уведомление в банк|13:00|Сертификат отозван или недоступен "
                "CRL|NW-LT-0633|Прокси резал адрес списка отзыва, добавили исключение"
            ),
        ),
    ),
    Story(
        key="software-trial-extension",
        service="software",
        language="en",
        title="Extend the trial of {product}",
        description=(
            "The trial of {product} runs out {date_words}. We haven't finished the comparison with {other}. "
            "Could you ask the vendor for another month?"
        ),
        priority="LOW",
        tags=("licence",),
        turns=(
            Turn("agent", "Hello, taking this one. I'll talk to the account manager this week.", 240),
            Turn(
                "agent",
                "Vendor's rep is usually fine with one extension. Ask for the price list in the same mail, "
                "procurement will want it.",
                15,
                internal=True,
            ),
        ),
        outcome="new_claimed",
        variants=fill(
            "product|date_words|other",
            "Lucidchart|on Friday|Visio",
            "Snagit|in three days|Greenshot",
            "Tableau|at the end of the month|Power BI",
            "DeepL Pro|next week|the built-in translator",
            "1Password|on the 20th|Bitwarden",
        ),
    ),
)
