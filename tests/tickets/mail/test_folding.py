"""What somebody wrote is told apart from what his mail program added, in both languages of the desk."""

import pytest

from tickets.mail.folding import fold

QUOTE = "> Is it still jammed?\n> Igor"
HISTORIES = {
    "our own line": "##- Please type your reply above this line -##\n\nSF-1042 VPN\nIgor replied",
    "our own line in Russian": "##- Пишите ответ выше этой строки -##\n\nSF-1042 VPN",
    "Gmail": f"On Mon, Mar 3, 2025 at 10:15 AM Desk <desk@example.com> wrote:\n\n{QUOTE}",
    "Gmail, folded": f"On Mon, Mar 3, 2025 at 10:15 AM Service Desk of Example <\ndesk@example.com> wrote:\n\n{QUOTE}",
    "Gmail in Russian": f"пн, 3 мар. 2025 г. в 10:15, Desk <desk@example.com>:\n\n{QUOTE}",
    "Apple Mail": f"On 3 Mar 2025, at 10:15, Desk <desk@example.com> wrote:\n\n{QUOTE}",
    "Apple Mail in Russian": f"3 марта 2025 г., в 10:15, Desk <desk@example.com> написал(а):\n\n{QUOTE}",
    "Thunderbird": f"On 03.03.25 10:15, Desk wrote:\n{QUOTE}",
    "Thunderbird in Russian": f"03.03.2025 10:15, Desk пишет:\n{QUOTE}",
    "Yandex": f'03.03.2025, 10:15, "Desk" <desk@example.com>:\n{QUOTE}',
    "Mail.ru": f"Понедельник, 3 марта 2025, 10:15 +03:00 от Desk <desk@example.com>:\n{QUOTE}",
    "Outlook": "From: Desk <desk@example.com>\nSent: Monday, March 3, 2025 10:15 AM\nTo: Anna\nSubject: VPN\n\nIs it?",
    "Outlook in Russian": "От: Desk <desk@example.com>\nОтправлено: 3 марта 2025 г.\nКому: Anna\nТема: VPN\n\nНу?",
    "Outlook with a line": "____________________________\nFrom: Desk\nSent: Monday\nTo: Anna\nSubject: VPN\n\nIs it?",
    "Outlook of old": "-----Original Message-----\nFrom: Desk\nSent: Monday\n\nIs it?",
    "Outlook of old in Russian": "-----Исходное сообщение-----\nОт: Desk\n\nНу?",
    "only a quote": QUOTE,
}
SIGNATURES = {
    "dashes": "-- \nAnna Kuznetsova\nRiga",
    "a telephone": "Sent from my iPhone",
    "a telephone in Russian": "Отправлено с iPhone",
    "Yandex": "Отправлено из мобильной Яндекс Почты",
    "Mail.ru": "Отправлено из мобильной Почты Mail.ru",
    "Outlook": "Get Outlook for iOS",
    "regards": "Best regards,\nAnna",
    "regards in Russian": "С уважением,\nАнна Кузнецова",
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_history_of_each_client_is_folded(history: str) -> None:
    folded = fold(f"No, it works now.\n\n{history}")
    assert folded.visible == "No, it works now."
    assert folded.quoted == history


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_the_signature_is_folded(signature: str) -> None:
    folded = fold(f"No, it works now.\n\n{signature}\n\n{HISTORIES['Gmail']}")
    assert (folded.visible, folded.signature) == ("No, it works now.", signature.rstrip())
    assert folded.quoted == HISTORIES["Gmail"]


UNTOUCHED = {
    "plain words": "It is broken.\nFrom the morning on.",
    "an answer between the lines": "> Is it still jammed?\nYes.\n> Since when?\nSince Monday.",
    "nothing but a signature": "Best regards,\nAnna",
    "nothing but a quote": QUOTE,
    "something forwarded": "Please look:\n\n---------- Forwarded message ---------\n"
    "From: Shop <shop@example.com>\nDate: Mon\nSubject: Invoice\nTo: Anna\n\nPay.",
    "something forwarded in Russian": "Посмотрите\n\n-------- Пересылаемое сообщение --------\n"
    "От: Shop\nДата: Mon\nТема: Счёт\nКому: Anna\n\nОплатите.",
    "a list": "I need:\n- a screen\n- a keyboard",
    "words that end in a colon": "The server wrote:\nERROR 42",
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_somebody_wrote_himself_stays(text: str) -> None:
    assert fold(text).visible == text


def test_an_answer_below_the_history_is_what_is_shown() -> None:
    folded = fold(f"On 03.03.25 10:15, Desk wrote:\n{QUOTE}\n\nNo, it works now.\n-- \nAnna")
    assert (folded.visible, folded.signature) == ("No, it works now.", "-- \nAnna")
    assert folded.quoted.endswith(QUOTE)
