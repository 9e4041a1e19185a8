"""Employment document requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="employment-reference",
        service="employment",
        language="en",
        title="Employment confirmation for {purpose}",
        description=(
            "Hello HR, could I have a letter confirming my employment for {purpose}? It should mention "
            "{content}. Needed by {date_words}."
        ),
        priority="NORMAL",
        tags=("documents",),
        turns=(
            Turn("agent", "Of course. In English only, or in two languages?", 190, then="start"),
            Turn("requester", "{language}, please.", 80),
            Turn(
                "agent",
                "The signed letter is in *My documents* in the portal. {extra}",
                300,
                then="resolve",
            ),
            Turn("requester", "Found it, thank you!", 45),
        ),
        outcome="done",
        variants=fill(
            "purpose|content|date_words|language|extra",
            "a mortgage|my salary and start date|Friday|English only|It's valid for three months.",
            (
                "a rental contract|that the contract is permanent|tomorrow if possible|English and German|If "
                "the landlord wants a stamp, come to room 1.10."
            ),
            (
                "a visa|position, salary and leave dates|the 18th|Two languages|The embassy wants paper, so "
                "the original is at reception."
            ),
            "a nursery place|my working hours|the end of the month|English|Good luck with the place!",
            (
                "citizenship|my whole history here|next Wednesday|English only|Earlier positions are listed "
                "on page two."
            ),
            "a student loan|my income|Monday|English|The lender can call the number at the bottom.",
        ),
    ),
    Story(
        key="employment-passport-data",
        service="employment",
        language="ru",
        title="Новый паспорт, обновить данные ({reason})",
        description=(
            "Здравствуйте! Паспорт заменён: {reason}. {docs} Что нужно от меня и где данные поменяются сами?"
        ),
        priority="NORMAL",
        tags=("documents",),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Нужна копия двух страниц: с фотографией и с регистрацией. {advice}",
                220,
                then="start",
            ),
            Turn("requester", "Копии отдал курьер, конверт на ресепшене", 1300),
            Turn(
                "agent",
                "Порядок: сначала кадровая карточка, потом договор и доверенности. Банк обновляет данные "
                "сам только раз в месяц, **напомнить бухгалтерии** до аванса.",
                180,
                internal=True,
            ),
            Turn(
                "agent",
                "Готово: данные в кадровой системе, договоре и у бухгалтерии уже новые. Доверенности "
                "перевыпустим по запросу.",
                60,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "reason|docs|advice",
            "исполнилось 45 лет|Прежний сдан.|СНИЛС менять не надо.",
            "прежний утерян|Справка из МВД есть.|Справку тоже приложите, пожалуйста.",
            "испорчен, попал в стирку|Новый выдали вчера.|Обновите и данные в банке, иначе вернётся аванс.",
            "переезд, новая регистрация|Штамп уже стоит.|Адрес для писем тоже поправим.",
            "исполнилось 20 лет|ИНН прежний.|Воинский учёт, если вы на нём, обновляется отдельно.",
        ),
    ),
    Story(
        key="employment-remote",
        service="employment",
        language="en",
        title="Working from {country} for {length}",
        description=(
            "Hi, I'd like to work from {country} for {length} from {date_words}, because {reason}. My "
            "manager agrees. What do I have to do?"
        ),
        priority="NORMAL",
        tags=("documents", "security"),
        turns=(
            Turn(
                "agent",
                "Hello! It depends on the country and the length: tax, social security, data protection. "
                "Checking your case.",
                210,
                then="start",
            ),
            Turn(
                "agent",
                "Handing over, you did the last one. {finding}. Get a yes from tax advice before saying "
                "anything definite, and ask IT about the VPN rules.",
                60,
                internal=True,
                then="hand_over",
            ),
            Turn(
                "colleague",
                "Manager here: fully supported from my side, we've planned the shifts around it.",
                300,
            ),
            Turn(
                "agent",
                "Thanks both. The question is with our tax adviser, usually a week. Please don't book "
                "anything that can't be cancelled.",
                120,
            ),
        ),
        outcome="in_progress",
        variants=fill(
            "country|length|date_words|reason|finding",
            "Spain|six weeks|1 June|my family lives there|A1 certificate needed, otherwise simple",
            (
                "Portugal|two months|October|I'd like to escape the rain|Under 183 days, but check permanent "
                "establishment"
            ),
            (
                "Canada|three months|January|my partner is posted there|No agreement for health cover, "
                "insurance needed"
            ),
            "Greece|four weeks|mid August|of the school holidays|A1 certificate needed",
            (
                "Japan|five weeks|April|of a wedding and everything around it|Visa probably does not allow "
                "work at all"
            ),
        ),
    ),
    Story(
        key="employment-copy-contract",
        service="employment",
        language="ru",
        title="Копия документа: {doc}",
        description="Добрый день, нужна заверенная копия: {doc}. Цель: {purpose}. {urgency}",
        priority="LOW",
        tags=("documents",),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! По закону у нас три рабочих дня, постараемся раньше.",
                200,
                then="start",
            ),
            Turn("agent", "Копия заверена, ждёт вас в кабинете 215. Возьмите пропуск.", 1100, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "doc|purpose|urgency",
            "трудовой договор|ипотека|Не срочно.",
            "трудовая книжка|загранпаспорт|Лучше до пятницы.",
            "приказ о приёме|подтверждение стажа|Не срочно.",
            "приказ о переводе|ошибка в выписке СФР|К концу месяца.",
            "дополнительное соглашение о надбавке|банк|Чем быстрее, тем лучше.",
            "сведения о трудовой деятельности|виза|До среды, если можно.",
        ),
    ),
    Story(
        key="employment-document-error",
        service="employment",
        language="ru",
        title="Ошибка в документе: {doc}",
        description="Здравствуйте! {doc_cap}: {error}. Надо исправить, {reason}.",
        priority="NORMAL",
        tags=("documents", "справка"),
        turns=(
            Turn("agent", "Здравствуйте, спасибо за внимательность. Исправляем.", 160, then="start"),
            Turn("agent", "Исправленный экземпляр в портале на подписи.", 280, then="resolve"),
            Turn("requester", "Ошибку исправили, но появилась новая: {error_two} :)", 1300, then="reopen"),
            Turn(
                "agent",
                "Шаблон тянет данные из старой карточки, исправлять надо не документ, а карточку. Проверить "
                "остальных в этом отделе.",
                40,
                internal=True,
            ),
            Turn(
                "agent",
                "Приносим извинения. Теперь исправлен и документ, и карточка, из которой он собирается. "
                "Проверили вдвоём.",
                90,
                then="resolve",
            ),
            Turn("requester", "Да, теперь всё правильно", 200),
        ),
        outcome="reopened_done",
        variants=fill(
            "doc|doc_cap|error|reason|error_two",
            "приказ об отпуске|В приказе об отпуске|не тот год|бухгалтерия не принимает|отчество с опечаткой",
            "допсоглашение|В допсоглашении|старый оклад|подписывать такое не хочется|должность прежняя",
            "справка для банка|В справке для банка|стаж меньше на год|банк просит новую|нет номера приказа",
            (
                "приказ о командировке|В приказе о командировке|не тот город|билеты уже куплены|даты на день "
                "раньше"
            ),
            "график сменности|В графике сменности|две ночные подряд|так нельзя ставить|пропала суббота",
        ),
    ),
)
