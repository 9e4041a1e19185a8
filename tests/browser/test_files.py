"""Files as people bring them: chosen, dropped, pasted, taken off again; with and without scripts."""

import io

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, expect

from accounts.models import User
from tests.browser import looking
from tests.browser.chromium import NARROW, WIDE, Opens, Window
from tickets import actions
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What a hand does with files, as far as a page can tell.
_DROP = """(form, names) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File(["dropped"], name, { type: "text/plain" }));
  form.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
  form.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""
_PASTE = """(field, bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(drawn, "PNG")
    return drawn.getvalue()


def a_file(name: str, size: int = 5) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": b"x" * size}


def chosen(window: Window) -> list[str]:
    return window.page.locator("[data-attach-list] li span:first-child").all_text_contents()


def send(window: Window) -> None:
    window.press(window.page.locator("#composer button[type=submit]").first)


@pytest.mark.parametrize(("language", "width"), [("en", WIDE), ("ru", NARROW)])
def test_files_are_chosen_dropped_pasted_and_taken_off(
    window: Opens, ticket: Ticket, employee: User, agent: User, language: str, width: int
) -> None:
    User.objects.update(language=language)
    anna = window(language=language, width=width).sign_in(employee)
    anna.open(f"/tickets/{ticket.public_id}/")
    field = anna.page.locator("#composer input[type=file]")
    field.set_input_files([a_file("one.txt"), a_file("two.txt")])
    anna.page.locator("#composer").evaluate(_DROP, ["three.txt"])
    anna.page.locator("#composer textarea").evaluate(_PASTE, list(picture()))
    assert chosen(anna) == ["one.txt", "two.txt", "three.txt", "image.png"]
    field.set_input_files([a_file("large.txt", 20 * 1024 * 1024 + 1)])
    expect(anna.page.locator("[data-attach-fault]")).to_contain_text("large.txt")
    anna.page.locator("[data-attach-list] button").nth(1).click()
    assert chosen(anna) == ["one.txt", "three.txt", "image.png"]
    assert list(looking.faults(anna, language=language)) == []
    send(anna)
    for file in Attachment.objects.all():
        actions.look_at(file.public_id)
    igor = window(language=language, width=width).sign_in(agent)
    igor.page.goto(anna.page.url)
    expect(igor.page.locator(".sf-file")).to_have_count(3)
    shown = igor.page.locator(".sf-thumb img")
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("naturalWidth", 480)
    with igor.page.expect_download() as saved:
        igor.page.get_by_role("link", name="three.txt").click()
    assert saved.value.path().read_bytes() == b"dropped"
    assert saved.value.suggested_filename == "three.txt"
    assert list(looking.faults(igor, language=language)) == []


def test_without_scripts_the_browser_s_own_field_will_do(
    window: Opens, ticket: Ticket, employee: User
) -> None:
    anna = window(scripts=False).sign_in(employee)
    anna.open(f"/tickets/{ticket.public_id}/")
    anna.page.locator("#composer input[type=file]").set_input_files([a_file("one.txt"), a_file("two.txt")])
    send(anna)
    expect(anna.page.locator(".sf-file")).to_have_count(2)
    assert ticket.attachments.count() == 2
