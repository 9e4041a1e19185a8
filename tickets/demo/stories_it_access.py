"""Requests for accounts and rights, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="vpn-new-starter",
        service="vpn",
        language="ru",
        title="Доступ к VPN для нового сотрудника: {person}",
        description=(
            "Здравствуйте.\n\n"
            "К нам в {department} {date_words} выходит новый человек: {person}. Первую неделю работает из "
            "дома, поэтому VPN нужен сразу.\n\nЧто нужно:\n\n- VPN с доступом к общим папкам отдела;\n"
            "- вход на `{host}`;\n- второй фактор на личный телефон."
        ),
        priority="NORMAL",
        tags=("vpn", "onboarding", "доступ"),
        turns=(
            Turn(
                "agent",
                "Принято. Учётная запись уже заведена кадрами, делаем профиль VPN.",
                95,
                then="start",
            ),
            Turn(
                "agent",
                "Профиль готов. Группу отдела должен подтвердить её владелец, запрос отправлен. Как только "
                "подтвердят, продолжим.",
                40,
                then="wait_third_party",
            ),
            Turn("colleague", "Подтверждение отправлено, извините за задержку, письмо затерялось.", 1300),
            Turn("agent", "Видим, спасибо. Добавляем в группу.", 35, then="resume"),
            Turn(
                "agent",
                "Всё готово. Инструкция и одноразовый код придут на личную почту {person_gen} утром первого "
                "дня. Если код не дойдёт за 15 минут, звоните на 4040.",
                50,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "person|person_gen|department|date_words|host",
            "Кирилл Антонов|Кирилла Антонова|отдел закупок|в понедельник|files-02",
            "Полина Шестакова|Полины Шестаковой|маркетинг|в среду|files-05",
            "Тимур Галиев|Тимура Галиева|аналитику|первого числа|bi-stage-01",
            "Дарья Носова|Дарьи Носовой|юридический отдел|на следующей неделе|docs-01",
            "Артём Белоусов|Артёма Белоусова|группу тестирования|в четверг|qa-stand-03",
            "Жанна Ильина|Жанны Ильиной|логистику|послезавтра|files-07",
        ),
    ),
    Story(
        key="vpn-contractor",
        service="vpn",
        language="en",
        title="VPN account for contractor {person}",
        description=(
            "Hi, please create VPN access for {person} from {company}. They start {date_words} and help us "
            "with {task}.\n\nTheir e-mail is a private one, I can send it in chat."
        ),
        priority="NORMAL",
        tags=("vpn", "security"),
        turns=(
            Turn(
                "agent",
                "Hello! External people need a signed data-processing annex before we can issue an account. "
                "Do you have it?",
                70,
                then="start",
            ),
            Turn(
                "lead",
                "We had this with the same supplier in spring. No annex, no account, whatever the deadline. "
                "If the requester pushes back, send them to me.",
                45,
                internal=True,
            ),
            Turn(
                "agent",
                "We can't find {company} in the list of approved suppliers. Please ask Legal for the annex "
                "and attach it here.",
                15,
                then="wait_requester",
            ),
            Turn(
                "requester",
                "Legal says it takes three weeks. We'll do the work with screen sharing instead.",
                2700,
            ),
            Turn(
                "agent",
                "Canceled: no approved contract for {company}, and screen sharing covers the need. Please "
                "open a new request once the annex is signed.",
                60,
                then="cancel",
            ),
        ),
        outcome="canceled_by_staff",
        variants=fill(
            "person|company|date_words|task",
            "Jonas Weber|Brightline Data|on Monday|the warehouse reports",
            "Sophie Martin|Atelier Nord|next week|the brochure layout",
            "Liam Doyle|Fenwick Testing|tomorrow|load tests of the shop",
            "Marta Ruiz|Iberia Translations|on the 15th|the product manuals",
            "Pavel Novak|Kord Automation|in two days|the conveyor controllers",
        ),
    ),
    Story(
        key="vpn-abroad",
        service="vpn",
        language="ru",
        title="VPN из командировки: {country}",
        description=(
            "Здравствуйте! {date_words} лечу в командировку, страна: {country}. Слышно, что оттуда вход "
            "заблокирован по географии. Можно открыть на время поездки?\n\n"
            "Даты: {dates}. Ноутбук рабочий, {device}."
        ),
        priority="NORMAL",
        tags=("vpn", "security", "доступ"),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Да, по умолчанию вход только из стран, где есть наши офисы. На время поездки "
                "сделаем исключение.",
                120,
                then="start",
            ),
            Turn(
                "agent",
                "Исключение в условном доступе строго по датам, с привязкой к {device}. Перед включением "
                "спросить безопасность: в прошлый раз по этой стране просили выдать чистый ноутбук.",
                15,
                internal=True,
            ),
            Turn("agent", "Согласовываем с безопасностью, обычно это день. Напишем сюда же.", 240),
        ),
        outcome="in_progress",
        variants=fill(
            "country|date_words|dates|device",
            "Турция|В воскресенье|с 3 по 9 число|NW-LT-0318",
            "Китай|Через неделю|две недели, до конца месяца|NW-LT-0402",
            "ОАЭ|В среду|пять дней|NW-LT-0577",
            "Индия|На следующей неделе|с 11 по 20 число|NW-LT-0609",
            "Казахстан|Послезавтра|до пятницы|NW-LT-0240",
            "Узбекистан|В четверг|три дня|NW-LT-0713",
        ),
    ),
    Story(
        key="software-admin-rights",
        service="software",
        language="en",
        title="Local admin rights on {device}",
        description=(
            "Could I get admin rights on my laptop {device}? I need them to {purpose}, and calling you every "
            "time is a pain for both sides."
        ),
        priority="NORMAL",
        tags=("security",),
        turns=(
            Turn(
                "agent",
                "Hi! We don't hand out permanent admin rights, but let's see what's really needed. Which "
                "program is it?",
                130,
                then="start",
            ),
            Turn("requester", "{program}, mostly.", 90),
            Turn(
                "agent",
                "{program} can be packaged; already on the list with 6 other requests. No reason for "
                "permanent rights here.",
                40,
                internal=True,
            ),
            Turn(
                "agent",
                "We're declining permanent admin rights: {program} is now available in *Company Portal* and "
                'updates itself, so they aren\'t needed. For one-off cases use "Request elevation" in the '
                "right-click menu.",
                15,
                then="cancel",
            ),
        ),
        outcome="canceled_by_staff",
        variants=fill(
            "device|purpose|program",
            "NW-LT-0371|update my tools|Postman",
            "NW-LT-0433|install drivers for measuring devices|NI-VISA",
            "NW-LT-0488|keep my editor current|VS Code",
            "NW-LT-0590|run the label designer|BarTender",
            "NW-LT-0654|install fonts|FontBase",
        ),
    ),
    Story(
        key="software-jira-project",
        service="software",
        language="en",
        title="{tool} access for {person}",
        description=(
            "Hi, {person} joined {department} {date_words} and needs {tool}, same rights as the rest of the "
            "team. Thank you!"
        ),
        priority="LOW",
        tags=("onboarding",),
        turns=(
            Turn("agent", "Hello! Adding them to the group.", 220, then="start"),
            Turn(
                "agent",
                "Done, access comes with the group `{group}`. They just have to sign out and in once.",
                20,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "tool|person|department|date_words|group",
            "Jira|Freya Nilsson|Product|on Monday|app-jira-product",
            "Confluence|Ben Carter|Support|this week|app-wiki-support",
            "GitLab|Marek Wolski|Platform|yesterday|app-git-platform",
            "Salesforce|Grace Turner|Sales|last week|app-crm-sales",
            "Grafana|Ines Ferreira|Operations|today|app-grafana-ops",
            "Miro|Jakob Schulz|Design|on the 1st|app-miro-design",
            "Zendesk|Amy Walsh|Customer care|this morning|app-zd-readonly",
        ),
    ),
    Story(
        key="software-password-reset",
        service="software",
        language="ru",
        title="Заблокирована учётная запись: {system}",
        description="Здравствуйте, {reason}, и теперь {system} пишет «{error}». {event}",
        priority="HIGH",
        tags=("доступ",),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Перезвоним по номеру из карточки сотрудника, чтобы подтвердить личность.",
                7,
                then="start",
            ),
            Turn(
                "agent",
                "Личность подтверждена: обратный звонок, табельный номер. В журнале неудачные входы только "
                "с рабочего места, на подбор не похоже.",
                9,
                internal=True,
            ),
            Turn(
                "agent",
                "Разблокировали. Новый пароль задайте сами на https://password.northwind.example, прошлые "
                "десять не подойдут.",
                4,
                then="resolve",
            ),
            Turn("requester", "Получилось!", 12),
        ),
        outcome="done",
        variants=fill(
            "reason|system|error|event",
            (
                "после отпуска пароль вылетел из головы|Windows|Учётная запись заблокирована|Компьютер "
                "включается, войти не могу."
            ),
            "пароль введён пять раз с опечаткой|1С|Вход запрещён|Ждут накладную.",
            "срок пароля кончился в выходные|портал|Пароль просрочен|Через портал надо согласовать отпуск.",
            (
                "телефон всё время стучится со старым паролем|почта|Слишком много попыток входа|Не приходят "
                "письма."
            ),
            "ребёнок поиграл с клавиатурой|Windows|Учётная запись заблокирована|Смена через полчаса.",
            "сменили пароль, а он не подошёл|CRM|Пользователь отключён|Клиент на линии.",
        ),
    ),
)
