"""What is kept encrypted can be read again by whoever has the key, and for what it was kept."""

import pytest
from django.conf import LazySettings

from accounts.sealed import Sealed, Unreadable, seal, unseal


class Row:
    token = Sealed("token_sealed")
    other = Sealed("other_sealed")
    token_sealed = other_sealed = ""


def test_it_is_read_again_and_not_seen_in_between() -> None:
    row = Row()
    assert row.token == ""
    row.token = "a secret"
    assert row.token == "a secret"
    assert "a secret" not in row.token_sealed
    row.token = ""
    assert row.token_sealed == ""


def test_what_was_kept_for_one_thing_opens_nothing_else() -> None:
    with pytest.raises(Unreadable):
        unseal(seal(b"a secret", purpose="mail"), purpose="webhooks")
    row = Row()
    row.token = "a secret"
    row.other_sealed = row.token_sealed
    with pytest.raises(Unreadable):
        _ = row.other


def test_a_new_key_reads_what_the_old_one_has_sealed_while_that_is_named(settings: LazySettings) -> None:
    kept, old = seal(b"a secret", purpose="mail"), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = 60 * "n", [old]
    assert unseal(kept, purpose="mail") == b"a secret"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Unreadable):
        unseal(kept, purpose="mail")
