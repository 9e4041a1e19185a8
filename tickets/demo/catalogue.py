"""Teams and services of the demo company."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoTeam:
    """Agents who share a queue; the name reads the same in both languages."""

    key: str
    name: str


@dataclass(frozen=True)
class DemoService:
    """One entry of the catalogue; `team` is the key of a `DemoTeam`."""

    key: str
    name_en: str
    name_ru: str
    description_en: str
    description_ru: str
    team: str
    confidential: bool = False


TEAMS: tuple[DemoTeam, ...] = (
    DemoTeam("it", "IT"),
    DemoTeam("hr", "HR"),
    DemoTeam("office", "Office"),
)

SERVICES: tuple[DemoService, ...] = (
    DemoService(
        "vpn",
        "VPN access",
        "Доступ к VPN",
        "Working from home or from a trip: new access, codes, slow or broken connections.",
        "Работа из дома и в поездках: новый доступ, коды, медленное или оборванное соединение.",
        "it",
    ),
    DemoService(
        "laptops",
        "Laptops and equipment",
        "Ноутбуки и оборудование",
        "Laptops, monitors, docks and headsets: new, broken, lost or due for replacement.",
        "Ноутбуки, мониторы, док-станции и гарнитуры: выдать, починить, заменить, сообщить о потере.",
        "it",
    ),
    DemoService(
        "printing",
        "Printing",
        "Печать",
        "Printers and scanners: jams, toner, stuck queues, rights.",
        "Принтеры и сканеры: замятия, картриджи, зависшие очереди, права.",
        "it",
    ),
    DemoService(
        "mail",
        "E-mail and calendar",
        "Почта и календарь",
        "Mailboxes, distribution lists, shared calendars, suspicious messages.",
        "Почтовые ящики, рассылки, общие календари, подозрительные письма.",
        "it",
    ),
    DemoService(
        "software",
        "Software licences",
        "Программы и лицензии",
        "Licences, installation, updates, locked accounts and electronic signatures.",
        "Лицензии, установка, обновления, заблокированные учётные записи и электронная подпись.",
        "it",
    ),
    DemoService(
        "network",
        "Corporate network",
        "Корпоративная сеть",
        "Wi-Fi, wired network, desk phones, shared folders and firewall requests.",
        "Wi-Fi, проводная сеть, телефоны, общие папки и сетевые доступы.",
        "it",
    ),
    DemoService(
        "leave",
        "Leave and certificates",
        "Отпуск и справки",
        "Holidays, sick notes, parental leave and certificates about your work.",
        "Отпуска, больничные, декрет и справки с места работы.",
        "hr",
    ),
    DemoService(
        "payroll",
        "Payroll question",
        "Вопрос по зарплате",
        "Payslips, overtime, bonuses, tax and bank details. Seen only by HR and you.",
        "Расчётные листки, переработки, премии, налоги и реквизиты. Видят только вы и кадровая служба.",
        "hr",
        confidential=True,
    ),
    DemoService(
        "employment",
        "Employment documents",
        "Кадровые документы",
        "Contracts, confirmations, copies and changes of personal data.",
        "Договоры, подтверждения, копии и изменение личных данных.",
        "hr",
    ),
    DemoService(
        "rooms",
        "Meeting rooms",
        "Переговорные",
        "Booking, set-up and equipment of meeting rooms, climate in the offices.",
        "Бронирование, подготовка и техника переговорных, климат в кабинетах.",
        "office",
    ),
    DemoService(
        "access",
        "Building access",
        "Пропуска и парковка",
        "Badges, visitors, doors and parking spaces.",
        "Пропуска, посетители, двери и места на парковке.",
        "office",
    ),
    DemoService(
        "supplies",
        "Office supplies",
        "Канцелярия и мебель",
        "Stationery, furniture and everything for the kitchen.",
        "Канцелярия, мебель и всё для кухни.",
        "office",
    ),
)
