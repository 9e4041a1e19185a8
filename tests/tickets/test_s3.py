"""The same files in a bucket of an S3 store, and a store that is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.urls import reverse
from moto.server import ThreadedMotoServer

from accounts.models import User
from serviceflow.settings import bucket
from tests.factories import web
from tests.tickets.test_pictures import image
from tickets import actions, files, stray_files
from tickets.models import Attachment, Ticket

pytestmark = pytest.mark.django_db


@contextmanager
def bucket_at(endpoint: str) -> Iterator[None]:
    """The desk with the settings that these variables make."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FILES_S3_ENDPOINT", endpoint)
        environment.setenv("FILES_S3_REGION", "us-east-1")
        environment.setenv("FILES_S3_KEY", "testing")
        environment.setenv("FILES_S3_SECRET", "testing")
        made = bucket("desk")
    with override_settings(STORAGES=settings.STORAGES | {"default": made}):
        yield


@pytest.fixture
def store() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    requests.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
    requests.put(f"{address}/desk", timeout=10).raise_for_status()
    with bucket_at(address):
        yield server
    server.stop()


def objects() -> set[str]:
    store: Any = storages["default"]
    return {each.key for each in store.bucket.objects.all()}


def test_files_go_into_the_bucket_and_out_of_it(
    store: ThreadedMotoServer,
    ticket: Ticket,
    employee: User,
    browser_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = image(size=(300, 200))
    with files.stored(
        [files.incoming("a.png", content), files.incoming("b.txt", b"x" * 3_000_000)]
    ) as arrived:
        first, second = actions.attach(ticket, files=arrived, by=web(employee))
    actions.look_at(first.public_id)
    assert len(objects()) == 4
    browser = browser_of(employee)
    for file, sent in ((first, content), (second, b"x" * 3_000_000)):
        answer = browser.get(reverse("tickets:file", args=[file.public_id]))
        assert b"".join(answer.streaming_content) == sent
    small = browser.get(reverse("tickets:picture", args=[first.public_id, "small"]))
    assert b"".join(small.streaming_content)[8:12] == b"WEBP"
    monkeypatch.setattr(stray_files, "SHELVES", [str(file.file.name)[12:14] for file in (first, second)])
    assert stray_files.tidy_up().missing == ()
    files.take_out(str(second.file.name))
    assert stray_files.tidy_up().missing == (second.file.name,)


def test_what_is_refused_is_taken_out_of_the_bucket(
    store: ThreadedMotoServer, ticket: Ticket, employee: User
) -> None:
    with files.stored([files.incoming("a.txt", b"a")]):
        assert len(objects()) == 1
    assert objects() == set()


def test_a_store_that_is_away_is_said_and_keeps_what_was_typed(
    ticket: Ticket, employee: User, browser_of: Any
) -> None:
    with bucket_at("http://127.0.0.1:9"):
        sent = {"body": "Every word of this.", "files": SimpleUploadedFile("a.txt", b"a")}
        answer = browser_of(employee).post(reverse("tickets:comment", args=[ticket.public_id]), sent)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "Every word of this." in page
    assert "could not be stored just now" in page
    assert "Choose the files again" in page
    assert not Attachment.objects.exists()
    ticket.refresh_from_db()
    assert ticket.version == 1
