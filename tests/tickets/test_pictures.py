"""Images are shown as drawn by ourselves, by a process that may end badly; bombs and polyglots end in no picture."""

import io
import struct
import zlib
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from PIL import Image

from accounts.models import User
from audit.models import Event
from tests.factories import web
from tickets import actions, files, pictures, redraw
from tickets.models import Attachment, Ticket

pytestmark = pytest.mark.django_db


def image(kind: str = "PNG", size: tuple[int, int] = (1200, 800), **more: Any) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, kind, **more)
    return written.getvalue()


def attached(ticket: Ticket, by: User, name: str, content: bytes) -> Attachment:
    [file] = actions.attach(ticket, files=[files.incoming(name, content)], by=web(by))
    actions.look_at(file.public_id)
    file.refresh_from_db()
    return file


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_image_gets_a_small_and_a_large_picture(ticket: Ticket, employee: User, kind: str) -> None:
    file = attached(ticket, employee, f"a.{kind.lower()}", image(kind, (2400, 1600)))
    assert (file.picture_width, file.picture_height) == (480, 320)
    sizes = []
    for size in (pictures.SMALL, pictures.LARGE):
        with (
            default_storage.open(pictures.path_of(file.file.name or "", size)) as drawn,
            Image.open(drawn) as shown,
        ):
            assert shown.format == "WEBP"
            sizes.append(shown.size)
    assert sizes[0] == (480, 320)
    assert max(sizes[1]) <= 1920


def test_nothing_of_the_sender_s_bytes_is_shown(ticket: Ticket, employee: User) -> None:
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    exif[0x0112] = 6  # turned by a quarter
    content = (
        image("JPEG", (1200, 800), exif=exif, comment=b"<?php system('id'); ?>")
        + b"<script>alert(2)</script>"
    )
    file = attached(ticket, employee, "a.jpg", content)
    assert (file.picture_width, file.picture_height) == (240, 360)
    for size in (pictures.SMALL, pictures.LARGE):
        with default_storage.open(pictures.path_of(file.file.name or "", size)) as drawn:
            shown = drawn.read()
        assert b"script" not in shown
        assert b"php" not in shown


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is enormous, and is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _row in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.png", bomb(10_000, 5_000)),
        ("cut.png", image()[:200]),
        ("head.jpg", b"\xff\xd8\xff\xe0" + b"<script>alert(1)</script>" * 40),
        ("page.gif", b"GIF89a/*<html>*/=1;alert(1)//" + b" " * 300),
    ],
)
def test_what_cannot_be_drawn_has_no_picture_and_is_a_file_all_the_same(
    ticket: Ticket, employee: User, browser_of: Any, name: str, content: bytes
) -> None:
    file = attached(ticket, employee, name, content)
    assert (file.state, file.picture_width) == ("clean", 0)
    browser = browser_of(employee)
    assert browser.get(reverse("tickets:picture", args=[file.public_id, "small"])).status_code == 404
    assert b"".join(browser.get(reverse("tickets:file", args=[file.public_id])).streaming_content) == content


def test_as_many_pixels_as_are_too_many() -> None:
    redraw.drawn(bomb(8_000, 5_000))
    with pytest.raises(ValueError, match="pixels"):
        redraw.drawn(bomb(8_001, 5_000))


def test_svg_is_never_drawn_nor_shown(ticket: Ticket, employee: User, browser_of: Any) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    file = attached(ticket, employee, "a.svg", svg)
    assert (file.content_type, file.picture_width) == ("application/octet-stream", 0)
    answer = browser_of(employee).get(reverse("tickets:file", args=[file.public_id]))
    assert answer["Content-Disposition"].startswith("attachment")
    assert b"".join(answer.streaming_content) == svg


def test_a_page_shows_the_small_one_and_to_look_at_the_large_one_is_remembered(
    ticket: Ticket, employee: User, agent: User, colleague: User, browser_of: Any
) -> None:
    file = attached(ticket, employee, "a.png", image())
    browser = browser_of(agent)
    page = browser.get(reverse("tickets:detail", args=[ticket.public_id])).content.decode()
    small, large = (reverse("tickets:picture", args=[file.public_id, size]) for size in ("small", "large"))
    assert f'src="{small}" width="240" height="160"' in page
    answer = browser.get(small)
    assert (answer["Content-Type"], answer["Content-Disposition"]) == ("image/webp", "inline")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert b"".join(answer.streaming_content)[8:12] == b"WEBP"
    assert not Event.objects.filter(verb="attachment.downloaded").exists()
    b"".join(browser.get(large).streaming_content)
    assert Event.objects.filter(verb="attachment.downloaded").count() == 1
    assert browser_of(colleague).get(small).status_code == 404


def test_it_can_be_drawn_again_after_a_job_was_cut_short(ticket: Ticket, employee: User) -> None:
    file = attached(ticket, employee, "a.png", image())
    Attachment.objects.update(picture_width=0)
    actions.look_at(file.public_id)
    file.refresh_from_db()
    assert file.has_picture
