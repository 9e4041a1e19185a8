"""Mail and calendar requests, told as they arrive at the desk."""

from tickets.demo.shapes import Story, Turn, fill

STORIES: tuple[Story, ...] = (
    Story(
        key="mail-full-mailbox",
        service="mail",
        language="ru",
        title="Почтовый ящик переполнен, {symptom}",
        description=(
            "Здравствуйте! Outlook показывает, что ящик заполнен на {percent}, {symptom}. Удалять жалко, там "
            "{content}. Можно увеличить?"
        ),
        priority="NORMAL",
        tags=("почта",),
        turns=(
            Turn(
                "agent",
                "Добрый день! Увеличивать не понадобится: включим вам архив, старые письма переедут туда "
                "сами и останутся доступны.",
                70,
                then="start",
            ),
            Turn(
                "agent",
                "Archive mailbox включён, политика «старше 2 лет», запустили "
                "`Start-ManagedFolderAssistant`. Ящик 49,2 ГБ, из них 30 ГБ одни вложения.",
                20,
                internal=True,
            ),
            Turn(
                "agent",
                "Архив включён, появится в Outlook отдельной веткой в течение суток. Поиск работает по "
                "обоим.",
                15,
            ),
            Turn("requester", "Появился. Места теперь полно, спасибо", 1500),
            Turn("agent", "Отлично, закрываем.", 120, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "symptom|percent|content",
            "письма не уходят|99 %|переписка по договорам за шесть лет",
            "не приходят ответы от клиентов|100 %|вся история заказов",
            "Outlook тормозит|97 %|фотографии с объектов",
            "не могу отправить вложение|98 %|протоколы совещаний",
            "каждый час всплывает предупреждение|95 %|письма от поставщиков",
            "календарь перестал обновляться|99,5 %|согласования бюджета",
        ),
    ),
    Story(
        key="mail-shared-mailbox",
        service="mail",
        language="en",
        title="Access to {mailbox}@ for {person}",
        description=(
            "Hello,\n\n"
            "please give {person} access to the shared mailbox {mailbox}@northwind.example: read and *send "
            "as*. {reason}"
        ),
        priority="NORMAL",
        tags=("email",),
        turns=(
            Turn(
                "agent",
                "Hi, the owner of that mailbox has to agree. Asked them just now.",
                110,
                then="start",
            ),
            Turn("colleague", "I own it, fine with me. Send as is OK too.", 200),
            Turn(
                "agent",
                "`Add-MailboxPermission` + `Add-RecipientPermission` done, automapping on. While there: two "
                "leavers still had full access, removed.",
                30,
                internal=True,
            ),
            Turn(
                "agent",
                "Done. It will show up in Outlook by itself within an hour, no need to add anything by hand.",
                5,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "mailbox|person|reason",
            "orders|Hannah Fischer|She covers for the night shift from Monday.",
            "invoices|Tom Hughes|He takes over accounts payable this month.",
            "press|Emma Clarke|We need a second pair of eyes during the fair.",
            "jobs|Lukas Braun|He'll answer applicants while I'm on leave.",
            "returns|Chloe Evans|The returns queue is drowning us.",
            "events|Oscar Lindqvist|He organises the autumn conference.",
        ),
    ),
    Story(
        key="mail-phishing",
        service="mail",
        language="en",
        title='Suspicious mail: "{subject}"',
        description=(
            'I got a mail from "{sender}" with the subject *{subject}*. {clicked} Forwarded as attachment to '
            "security@.\n\nOthers in {department} have it as well."
        ),
        priority="URGENT",
        tags=("email", "security"),
        turns=(
            Turn(
                "agent",
                "Well spotted, thank you. Please don't delete it yet and don't open it again.",
                4,
                then="start",
            ),
            Turn(
                "agent",
                "Message trace: 37 recipients, 2 clicks, none submitted. Purged from all mailboxes, URL "
                "blocked at the proxy, sender domain registered three days ago. The two who clicked get a "
                "password reset anyway.",
                18,
                internal=True,
            ),
            Turn(
                "agent",
                "It is phishing. We've removed it from all mailboxes and blocked the link. {followup}",
                10,
            ),
            Turn("requester", "Thanks for being so quick!", 15),
            Turn("agent", "Thank you for reporting; you were the first of 37. Closing.", 20, then="resolve"),
        ),
        outcome="done",
        variants=fill(
            "subject|sender|clicked|department|followup",
            "Your parcel is on hold|Express Parcel|I did not click.|Logistics|Nothing else for you to do.",
            (
                "Updated salary table|HR Department|I opened it, but typed nothing.|Sales|Please change your "
                "password anyway, just in case."
            ),
            "Password expires today|IT Helpdesk|I did not click.|Finance|Nothing else for you to do.",
            (
                "Invoice 44871 overdue|Accounts, Brightline|I opened the attachment, it was "
                "blank.|Purchasing|We're scanning your laptop now, keep it on for half an hour."
            ),
            (
                "Voice message from +44 20|Teams Voicemail|I clicked, then closed the page.|Customer "
                "care|Please change your password anyway, just in case."
            ),
            "Please sign: contract renewal|DocuSing|I did not click.|Legal|Nothing else for you to do.",
        ),
    ),
    Story(
        key="mail-calendar-delegate",
        service="mail",
        language="ru",
        title="Доступ к календарю: {person}",
        description=(
            "Добрый день, нужен доступ к календарю: {person}, {role}. {level}. Сейчас видно только «занято»."
        ),
        priority="LOW",
        tags=("calendar", "доступ"),
        turns=(
            Turn(
                "agent",
                "Здравствуйте! Для этого нужно согласие владельца календаря, спросили.",
                140,
                then="start",
            ),
            Turn("colleague", "Согласие даю, всё верно", 420),
            Turn(
                "agent",
                "Готово. Откройте в Outlook: *Календарь → Добавить → Из каталога*. Права применятся минут "
                "через десять.",
                25,
                then="resolve",
            ),
        ),
        outcome="done",
        variants=fill(
            "person|role|level",
            "Михаил Рябов|руководитель отдела продаж|Просмотр с темами встреч",
            "Ольга Дементьева|финансовый директор|Права на создание встреч от её имени",
            "Сергей Панин|главный инженер|Только просмотр",
            "Наталья Усова|директор по персоналу|Права на создание и перенос встреч",
            "Виктор Лосев|директор филиала|Просмотр с темами встреч",
            "Инна Карпова|руководитель проекта|Права на создание встреч",
        ),
    ),
    Story(
        key="mail-lost-meeting",
        service="mail",
        language="en",
        title="{ask}",
        description="{problem} It started {date_words}. I use Outlook {client} and my phone.",
        priority="HIGH",
        tags=("calendar", "email"),
        turns=(
            Turn("agent", "Hi, that's odd indeed. Taking a look at the calendar log.", 60, then="start"),
            Turn(
                "agent",
                "`Get-CalendarDiagnosticObjects` shows the items being rewritten by a mobile client, "
                "`DeviceType: {phone}`, protocol EWS. Smells like the third-party calendar app we stopped "
                "supporting.",
                45,
                internal=True,
            ),
            Turn(
                "agent",
                "Something on your phone keeps rewriting them. Which calendar app do you use there, the "
                "built-in one or another?",
                15,
            ),
            Turn("requester", "{app}. Is that bad?", 120),
            Turn(
                "agent",
                "Possibly. Please take the work account out of it for now, we're testing the same app on "
                "our side and will write tomorrow.",
                30,
            ),
        ),
        outcome="in_progress",
        variants=fill(
            "ask|problem|date_words|client|phone|app",
            (
                "Meetings vanish from my calendar|Accepted meetings disappear after an hour or so.|on "
                "Tuesday|on Windows|iPhone|Fantastical"
            ),
            (
                "All my meetings moved by an hour|Every recurring meeting is an hour off, but only "
                "mine.|after the clock change|on the web|Android|BusinessCal"
            ),
            (
                "Duplicate invitations all over|Each meeting shows up two or three times.|last week|for "
                "Mac|iPhone|Calendars by Readdle"
            ),
            (
                "People get cancellations I never sent|My attendees get cancellations I did not "
                "send!|yesterday|on Windows|Android|aCalendar"
            ),
            (
                "Calendar is empty on Mondays|All Monday meetings are gone, week after week.|two weeks "
                "ago|on the web|iPhone|Fantastical"
            ),
        ),
    ),
    Story(
        key="mail-distribution-list",
        service="mail",
        language="ru",
        title="Рассылка {list}@: {ask}",
        description="Здравствуйте. Просьба по списку рассылки {list}@northwind.example: {details}",
        priority="LOW",
        tags=("почта",),
        turns=(
            Turn("agent", "Принято, делаем.", 190, then="start"),
            Turn(
                "agent",
                "Готово, список поправили. Изменения разойдутся в течение часа.",
                35,
                then="resolve",
            ),
            Turn("requester", "спасибо!", 80),
        ),
        outcome="done",
        variants=fill(
            "list|ask|details",
            (
                "zakupki|добавить троих|добавьте, пожалуйста, Лапину, Громову и Хасанова, они у нас с "
                "понедельника."
            ),
            "sklad-ural|убрать уволившихся|уберите тех, кто уже не работает, письма возвращаются с ошибкой.",
            (
                "proekt-sever|создать новую|новая рассылка на восемь человек, список пришлю в чат. "
                "Владельцев двое."
            ),
            "vse-moskva|закрыть для внешних|туда пишут рекламу, закройте, пожалуйста, для писем снаружи.",
            (
                "buh|переименовать|хотим понятное имя, чтобы люди не путали с kadry@. Старый адрес тоже "
                "пусть работает."
            ),
            "smena-2|сменить владельца|прежний владелец перешёл в другой филиал, теперь список веду я.",
        ),
    ),
    Story(
        key="mail-undelivered",
        service="mail",
        language="ru",
        title="Письма не доходят до {company}",
        description=(
            "Третий день письма в {company} возвращаются:\n\n```\n{error}\n```\n\n"
            "Раньше всё было нормально. {event}"
        ),
        priority="HIGH",
        tags=("почта",),
        turns=(
            Turn("agent", "Здравствуйте! Разбираемся, копию отказа видим.", 20, then="start"),
            Turn(
                "agent",
                "С нашей стороны чисто: SPF, DKIM и DMARC проходят, в списках блокировки нас нет. "
                "Отказывает именно их шлюз. Почтмейстеру написали с личного адреса, потому что с рабочего "
                "не дойдёт, смешно.",
                50,
                internal=True,
            ),
            Turn(
                "agent",
                "Отказывает почтовый сервер получателя, мы написали его администраторам и ждём ответа. Если "
                "срочно, отправьте документы через файлообмен: https://files.northwind.example.",
                15,
                then="wait_third_party",
            ),
            Turn("requester", "Через файлообмен получилось, пока живём так.", 400),
        ),
        outcome="waiting_third_party",
        variants=fill(
            "company|error|event",
            "«Уралпромснаб»|550 5.7.1 Message rejected due to content restrictions|У нас тендер до пятницы.",
            "«Волга-Транс»|554 5.7.1 Service unavailable; client host blocked|Ждут подписанный договор.",
            "«Меридиан»|450 4.7.1 Greylisted, try again later (timeout)|Висят три счёта.",
            "«Прибор»|550 5.1.8 Access denied, bad sender|Нужно согласовать чертежи.",
            "«Северный»|451 4.4.0 TLS handshake failed|Бухгалтерия ждёт выписку.",
        ),
    ),
    Story(
        key="mail-autoreply",
        service="mail",
        language="en",
        title="Auto-reply doesn't {verb}",
        description=(
            "My out-of-office doesn't {verb}. {detail} I'm off {date_words}, so would be nice to have it "
            "sorted."
        ),
        priority="LOW",
        tags=("email",),
        turns=(Turn("requester", "Never mind, {reason}. Please close this, sorry!", 35, then="cancel"),),
        outcome="canceled_by_requester",
        variants=fill(
            "verb|detail|date_words|reason",
            "switch on|Outlook just spins.|from tomorrow|the web version let me do it",
            "go to outside people|Colleagues get it fine.|next week|I had missed the second tab",
            (
                "switch off|I came back on Monday and people still get it.|again in August|it was an old "
                "rule of mine"
            ),
            "keep my formatting|The whole text is one line.|from Friday|plain text will do",
            "respect the dates|It started today instead of Thursday.|from Thursday|I mixed up the month",
        ),
    ),
)
