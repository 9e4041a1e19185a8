"""The demo company: four accounts to remember first, then everybody else."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["EMPLOYEE", "AGENT", "ADMIN"]


@dataclass(frozen=True)
class Person:
    """One account; `teams` and `leads` are keys of `catalogue.TEAMS`, a lead is also a member."""

    key: str
    email: str
    full_name: str
    role: Role
    language: Literal["en", "ru"]
    time_zone: str
    teams: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()


PEOPLE: tuple[Person, ...] = (
    Person("admin", "admin@northwind.example", "Maria Petrova", "ADMIN", "en", "Europe/London"),
    Person("agent", "agent@northwind.example", "Игорь Орлов", "AGENT", "ru", "Europe/Moscow", teams=("it",)),
    Person(
        "lead",
        "lead@northwind.example",
        "Elena Sokolova",
        "AGENT",
        "en",
        "Europe/Berlin",
        teams=("it",),
        leads=("it",),
    ),
    Person("employee", "employee@northwind.example", "Анна Кузнецова", "EMPLOYEE", "ru", "Europe/Moscow"),
    Person("vlasov", "oleg.vlasov@northwind.example", "Олег Власов", "ADMIN", "ru", "Europe/Moscow"),
    Person(
        "gusev",
        "denis.gusev@northwind.example",
        "Денис Гусев",
        "AGENT",
        "ru",
        "Asia/Yekaterinburg",
        teams=("it",),
    ),
    Person(
        "hartley",
        "james.hartley@northwind.example",
        "James Hartley",
        "AGENT",
        "en",
        "Europe/London",
        teams=("it",),
    ),
    Person(
        "kovaleva",
        "yulia.kovaleva@northwind.example",
        "Юлия Ковалёва",
        "AGENT",
        "ru",
        "Europe/Moscow",
        teams=("it",),
    ),
    Person(
        "brandt",
        "felix.brandt@northwind.example",
        "Felix Brandt",
        "AGENT",
        "en",
        "Europe/Berlin",
        teams=("it", "office"),
    ),
    Person(
        "morozova",
        "tatiana.morozova@northwind.example",
        "Татьяна Морозова",
        "AGENT",
        "ru",
        "Europe/Moscow",
        teams=("hr",),
        leads=("hr",),
    ),
    Person(
        "bennett",
        "sarah.bennett@northwind.example",
        "Sarah Bennett",
        "AGENT",
        "en",
        "Europe/London",
        teams=("hr",),
    ),
    Person(
        "fadeeva",
        "olga.fadeeva@northwind.example",
        "Ольга Фадеева",
        "AGENT",
        "ru",
        "Asia/Yekaterinburg",
        teams=("hr",),
    ),
    Person(
        "zaitsev",
        "roman.zaitsev@northwind.example",
        "Роман Зайцев",
        "AGENT",
        "ru",
        "Europe/Moscow",
        teams=("office",),
        leads=("office",),
    ),
    Person(
        "keller",
        "nina.keller@northwind.example",
        "Nina Keller",
        "AGENT",
        "en",
        "Europe/Berlin",
        teams=("office",),
    ),
    Person("volkov", "sergey.volkov@northwind.example", "Сергей Волков", "EMPLOYEE", "ru", "Europe/Moscow"),
    Person(
        "nikitina",
        "ekaterina.nikitina@northwind.example",
        "Екатерина Никитина",
        "EMPLOYEE",
        "ru",
        "Europe/Moscow",
    ),
    Person(
        "pavlov", "alexey.pavlov@northwind.example", "Алексей Павлов", "EMPLOYEE", "ru", "Asia/Yekaterinburg"
    ),
    Person("belova", "irina.belova@northwind.example", "Ирина Белова", "EMPLOYEE", "ru", "Europe/Moscow"),
    Person(
        "stepanov",
        "dmitry.stepanov@northwind.example",
        "Дмитрий Степанов",
        "EMPLOYEE",
        "ru",
        "Asia/Novosibirsk",
    ),
    Person("zuev", "pavel.zuev@northwind.example", "Павел Зуев", "EMPLOYEE", "ru", "Europe/Samara"),
    Person(
        "larina", "svetlana.larina@northwind.example", "Светлана Ларина", "EMPLOYEE", "ru", "Europe/Moscow"
    ),
    Person(
        "akhmetov",
        "marat.akhmetov@northwind.example",
        "Марат Ахметов",
        "EMPLOYEE",
        "ru",
        "Asia/Yekaterinburg",
    ),
    Person(
        "sorokina", "vera.sorokina@northwind.example", "Вера Сорокина", "EMPLOYEE", "ru", "Europe/Kaliningrad"
    ),
    Person("kim", "viktor.kim@northwind.example", "Виктор Ким", "EMPLOYEE", "ru", "Asia/Vladivostok"),
    Person(
        "egorova", "lyudmila.egorova@northwind.example", "Людмила Егорова", "EMPLOYEE", "ru", "Europe/Moscow"
    ),
    Person(
        "maksimov", "andrey.maksimov@northwind.example", "Андрей Максимов", "EMPLOYEE", "ru", "Europe/Moscow"
    ),
    Person(
        "bogdanova",
        "ksenia.bogdanova@northwind.example",
        "Ксения Богданова",
        "EMPLOYEE",
        "ru",
        "Asia/Yekaterinburg",
    ),
    Person(
        "shubin", "nikolay.shubin@northwind.example", "Николай Шубин", "EMPLOYEE", "ru", "Asia/Krasnoyarsk"
    ),
    Person("safina", "aliya.safina@northwind.example", "Алия Сафина", "EMPLOYEE", "ru", "Europe/Samara"),
    Person(
        "voronin", "grigory.voronin@northwind.example", "Григорий Воронин", "EMPLOYEE", "ru", "Europe/Moscow"
    ),
    Person("walker", "emily.walker@northwind.example", "Emily Walker", "EMPLOYEE", "en", "Europe/London"),
    Person("reid", "callum.reid@northwind.example", "Callum Reid", "EMPLOYEE", "en", "Europe/London"),
    Person("murphy", "aoife.murphy@northwind.example", "Aoife Murphy", "EMPLOYEE", "en", "Europe/Dublin"),
    Person(
        "schneider", "anja.schneider@northwind.example", "Anja Schneider", "EMPLOYEE", "en", "Europe/Berlin"
    ),
    Person("novotny", "petr.novotny@northwind.example", "Petr Novotný", "EMPLOYEE", "en", "Europe/Prague"),
    Person("hughes", "daniel.hughes@northwind.example", "Daniel Hughes", "EMPLOYEE", "en", "Europe/London"),
    Person("costa", "beatriz.costa@northwind.example", "Beatriz Costa", "EMPLOYEE", "en", "Europe/Lisbon"),
    Person("patel", "rohan.patel@northwind.example", "Rohan Patel", "EMPLOYEE", "en", "Europe/London"),
    Person(
        "lindgren", "sofia.lindgren@northwind.example", "Sofia Lindgren", "EMPLOYEE", "en", "Europe/Stockholm"
    ),
    Person("moreau", "camille.moreau@northwind.example", "Camille Moreau", "EMPLOYEE", "en", "Europe/Paris"),
)
