"""Keys of the API."""

import re
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import actions, api_keys
from accounts.acting import SYSTEM, Forbidden, Invalid, Refused
from accounts.models import ApiKey, User
from audit import trail
from audit.models import Event
from tests.factories import web
from tests.invariants import check
from tests.racing import at_once


def issued(owner: User, *scopes: str, **more: object) -> tuple[ApiKey, str]:
    return api_keys.issue(owner, name="Intranet", scopes=scopes or ("read", "write"), by=web(owner), **more)  # type: ignore[arg-type]


def test_a_key_is_shown_once_and_kept_as_a_hash_only(employee: User) -> None:
    key, raw = issued(employee)
    assert re.fullmatch(r"sf_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", raw)
    assert key.prefix == raw[3:11]
    assert key.digest == sha256(raw.encode()).hexdigest()
    secret = raw[12:]
    with connection.cursor() as cursor:
        for table in ("accounts_apikey", "audit_event", "accounts_user"):
            cursor.execute(f"SELECT count(*) FROM {table} AS row WHERE row::text LIKE %s", [f"%{secret}%"])
            assert cursor.fetchone() == (0,)
    assert check(connection) == []


def test_the_key_finds_its_owner_in_one_query(
    employee: User, django_assert_num_queries: "pytest.FixtureRequest"
) -> None:
    key, raw = issued(employee)
    found = api_keys.find(raw)
    assert found is not None
    assert (found, found.user) == (key, employee)
    with django_assert_num_queries(1):  # type: ignore[operator]
        again = api_keys.find(raw)
        assert again is not None
        assert again.user.team_leads == {}


@pytest.mark.parametrize("columns", ["_OF_KEY", "_OF_USER"])
def test_what_is_found_is_what_the_tables_hold(employee: User, columns: str) -> None:
    """The statement is our own: no column may mix with another, nor need anything to be made of what it holds.

    Seen to fail with two columns of _USABLE in another order, and with a field that has `from_db_value`.
    """
    raw = api_keys.issue(employee, name="Sync", scopes=["read"], by=web(employee))[1]
    found = api_keys.find(raw)
    assert found
    one = found if columns == "_OF_KEY" else found.user
    again = type(one)._default_manager.get(pk=one.pk)
    assert {name: getattr(one, name) for name in getattr(api_keys, columns)} == {
        name: getattr(again, name) for name in getattr(api_keys, columns)
    } | ({"last_used_at": None} if columns == "_OF_KEY" else {})
    assert not [field for field in again._meta.concrete_fields if hasattr(field, "from_db_value")]


@pytest.mark.parametrize(
    "change", ["unknown", "wrong secret", "revoked", "expired", "owner gone", "cut", "longer"]
)
def test_every_key_that_does_not_work_is_no_key(admin: User, employee: User, change: str) -> None:
    key, raw = issued(employee)
    match change:
        case "unknown":
            raw = "sf_zzzzzzzz_" + raw[12:]
        case "wrong secret":
            raw = raw[:-1] + ("A" if raw[-1] != "A" else "B")
        case "revoked":
            api_keys.revoke(key, by=web(employee))
        case "expired":
            assert api_keys.find(raw, now=key.expires_at - timedelta(seconds=1)) == key
            assert api_keys.find(raw, now=key.expires_at) is None
            return
        case "owner gone":
            actions.deactivate(employee, by=web(admin))
        case "cut":
            raw = raw[:-1]
        case "longer":
            raw += "A"
    assert api_keys.find(raw) is None


@given(st.text() | st.from_regex(r"sf_[a-z0-9]{8}_[A-Za-z0-9_-]{40,46}\n?", fullmatch=True))
def test_no_text_makes_the_search_fail(text: str) -> None:
    assert api_keys._FORMAT.fullmatch(text) is None or len(text) == 55


@pytest.mark.parametrize(
    "text", ["", "sf_", "sf_\x00", "sf_ABCDEFGH_" + "a" * 43, "sf_аbcdefgh_" + "a" * 43, "\ud800"]
)
def test_what_is_no_key_is_not_even_looked_up(
    db: None, text: str, django_assert_num_queries: "pytest.FixtureRequest"
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert api_keys.find(text) is None


def test_the_last_use_is_noted_to_the_minute(employee: User) -> None:
    key, raw = issued(employee)
    start = timezone.now()
    for seconds, noted in ((0, 0), (59, 0), (61, 61), (62, 61)):
        api_keys.find(raw, now=start + timedelta(seconds=seconds))
        assert ApiKey.objects.get(pk=key.pk).last_used_at == start + timedelta(seconds=noted)


@pytest.mark.parametrize(
    ("scopes", "kept"),
    [
        (["read"], ["read"]),
        (["write", "read", "write"], ["read", "write"]),
        (["admin", "write", "read"], ["read", "write", "admin"]),
        ([], None),
        (["root"], None),
        (["read", "root"], None),
        ([""], None),
    ],
)
def test_scopes_are_known_ones_and_at_least_one(
    employee: User, scopes: list[str], kept: list[str] | None
) -> None:
    if kept is not None:
        assert api_keys.issue(employee, name="Script", scopes=scopes, by=web(employee))[0].scopes == kept
        return
    with pytest.raises(Invalid) as refusal:
        api_keys.issue(employee, name="Script", scopes=scopes, by=web(employee))
    assert refusal.value.field == "scopes"


@pytest.mark.parametrize(
    ("life", "accepted"),
    [
        (timedelta(minutes=1), True),
        (timedelta(days=366), True),
        (timedelta(days=366, minutes=1), False),
        (timedelta(0), False),
        (-timedelta(days=1), False),
    ],
)
def test_a_key_lasts_at_most_a_year(employee: User, life: timedelta, accepted: bool) -> None:
    until = timezone.now() + life
    if accepted:
        assert issued(employee, expires_at=until)[0].expires_at == until
        return
    with pytest.raises(Invalid) as refusal:
        issued(employee, expires_at=until)
    assert refusal.value.field == "expires_at"


def test_a_year_if_nobody_says_otherwise(employee: User) -> None:
    key, _raw = issued(employee)
    assert key.expires_at - key.created_at == timedelta(days=365)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "\udfff"])
def test_a_name_is_one(employee: User, name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        api_keys.issue(employee, name=name, scopes=["read"], by=web(employee))
    assert refusal.value.field == "name"


def test_issuing_leaves_a_trace_without_the_secret(admin: User, employee: User) -> None:
    key, raw = api_keys.issue(employee, name="Intranet", scopes=["read"], by=web(admin))
    event = Event.objects.get()
    assert (event.verb, event.actor_id, event.subject_id) == (
        "api_key.issued",
        admin.public_id,
        key.public_id,
    )
    assert event.changes["owner"] == [None, {"id": str(employee.public_id), "name": "Anna Kuznetsova"}]
    assert raw not in str(event.changes)
    assert event.subject_name == f"Intranet (sf_{key.prefix})"


def test_only_the_owner_an_administrator_and_the_desk_touch_a_key(
    employee: User, colleague: User, lead: User, admin: User
) -> None:
    key, _raw = issued(employee)
    for person in (colleague, lead):
        for verb in (
            partial(api_keys.issue, employee, name="Mine", scopes=["read"]),
            partial(api_keys.revoke, key),
            partial(api_keys.rotate, key),
        ):
            with pytest.raises(Forbidden) as refusal:
                verb(by=web(person))
            assert refusal.value.code == "not_your_key"
    assert ApiKey.objects.get().revoked_at is None
    for actor in (web(employee), web(admin), SYSTEM):
        key, _raw = api_keys.rotate(key, by=actor)
    assert api_keys.revoke(key, by=SYSTEM).state[0] == "revoked"


def test_revoking_twice_keeps_the_first_time(employee: User) -> None:
    key, _raw = issued(employee)
    first = api_keys.revoke(key, by=web(employee)).revoked_at
    assert api_keys.revoke(key, by=web(employee)).revoked_at == first
    assert Event.objects.filter(verb="api_key.revoked").count() == 1


def test_rotating_gives_a_new_key_like_the_old_which_goes_on_for_a_day(employee: User) -> None:
    old, old_raw = issued(employee, "read", expires_at=timezone.now() + timedelta(days=30))
    began = timezone.now()
    new, raw = api_keys.rotate(old, by=web(employee))
    old.refresh_from_db()
    assert old.state[0] == "replaced"
    assert timedelta(0) <= old.expires_at - began - api_keys.USUAL_OVERLAP < timedelta(minutes=1)
    assert (api_keys.find(old_raw), api_keys.find(raw)) == (old, new)
    assert api_keys.find(old_raw, now=old.expires_at - timedelta(seconds=1)) == old
    assert api_keys.find(old_raw, now=old.expires_at) is None
    assert api_keys.find(raw, now=old.expires_at) == new
    ended, said = Event.objects.get(verb="api_key.replaced").changes["expires_at"]
    assert (datetime.fromisoformat(ended) - began).days in {29, 30}
    assert datetime.fromisoformat(said) == old.expires_at
    assert (new.name, new.scopes, new.user) == (old.name, old.scopes, employee)
    assert timedelta(days=29, hours=23) < new.expires_at - timezone.now() <= timedelta(days=30, minutes=1)
    verbs = list(Event.objects.order_by("id").values_list("verb", "subject_id"))
    assert verbs[1:] == [("api_key.issued", new.public_id), ("api_key.replaced", old.public_id)]
    assert trail.first_fault() is None


def test_without_an_overlap_the_old_key_is_dead_at_once(employee: User) -> None:
    old, old_raw = issued(employee)
    new, raw = api_keys.rotate(old, overlap=timedelta(0), by=web(employee))
    assert (api_keys.find(old_raw), api_keys.find(raw)) == (None, new)
    assert Event.objects.latest("id").verb == "api_key.revoked"
    assert trail.first_fault() is None


@pytest.mark.parametrize(
    ("overlap", "accepted"),
    [
        (timedelta(hours=1), True),
        (timedelta(days=7), True),
        (timedelta(days=7, seconds=1), False),
        (-timedelta(seconds=1), False),
    ],
)
def test_an_overlap_is_a_week_at_most(employee: User, overlap: timedelta, accepted: bool) -> None:
    old, old_raw = issued(employee)
    if accepted:
        api_keys.rotate(old, overlap=overlap, by=web(employee))
        assert api_keys.find(old_raw, now=timezone.now() + overlap + timedelta(seconds=1)) is None
        return
    with pytest.raises(Invalid) as refusal:
        api_keys.rotate(old, overlap=overlap, by=web(employee))
    assert refusal.value.field == "overlap_hours"
    assert ApiKey.objects.count() == 1


def test_a_replaced_key_lives_no_longer_than_it_would_have(employee: User) -> None:
    """Seen red with the overlap alone in place of the earlier of the two."""
    until = timezone.now() + timedelta(hours=2)
    old, _raw = issued(employee, expires_at=until)
    api_keys.rotate(old, by=web(employee))
    assert ApiKey.objects.get(pk=old.pk).expires_at == until


def test_a_replaced_key_is_not_replaced_again_and_can_be_revoked_at_once(employee: User) -> None:
    """Seen red with the state "replaced" gone from the verb: each rotation gave one more key."""
    old, old_raw = issued(employee)
    _new, raw = api_keys.rotate(old, by=web(employee))
    with pytest.raises(Refused) as refusal:
        api_keys.rotate(old, by=web(employee))
    assert refusal.value.code == "key_not_active"
    assert ApiKey.objects.count() == 2
    api_keys.revoke(old, by=web(employee))
    assert (api_keys.find(old_raw), api_keys.find(raw) is not None) == (None, True)
    assert Event.objects.latest("id").changes == {"state": ["replaced", "revoked"]}
    assert trail.first_fault() is None


def test_who_is_shut_out_has_neither_the_old_key_nor_the_new(admin: User, employee: User) -> None:
    """Seen red with revoke_all passing over replaced keys."""
    old, old_raw = issued(employee)
    _new, raw = api_keys.rotate(old, by=web(employee))
    actions.deactivate(employee, by=web(admin))
    assert (api_keys.find(old_raw), api_keys.find(raw)) == (None, None)
    actions.activate(employee, by=web(admin))
    assert (api_keys.find(old_raw), api_keys.find(raw)) == (None, None)
    assert trail.first_fault() is None


def test_a_dead_key_is_not_brought_back_by_rotating(admin: User, employee: User) -> None:
    revoked, _raw = issued(employee)
    api_keys.revoke(revoked, by=web(employee))
    expired, _raw = issued(employee)
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    for key in (revoked, expired):
        with pytest.raises(Refused) as refusal:
            api_keys.rotate(key, by=web(employee))
        assert refusal.value.code == "key_not_active"
    assert ApiKey.objects.count() == 2


def test_who_has_left_gets_no_key_neither_new_nor_rotated(admin: User, employee: User) -> None:
    key, _raw = issued(employee)
    gone = actions.deactivate(employee, by=web(admin))
    late = partial(api_keys.issue, gone, name="Late", scopes=["read"])
    for verb, code in ((late, "owner_inactive"), (partial(api_keys.rotate, key), "key_not_active")):
        with pytest.raises(Refused) as refusal:
            verb(by=web(admin))
        assert refusal.value.code == code
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_eight_rotations_at_once_one_gives_a_key(employee: User) -> None:
    key, _raw = issued(employee)
    actor = web(employee)
    results = at_once(*[partial(api_keys.rotate, key, by=actor)] * 8)
    assert sum(isinstance(result, tuple) for result in results) == 1, results
    assert sum(isinstance(result, Refused) for result in results) == 7
    assert sorted(key.state[0] for key in ApiKey.objects.all()) == ["active", "replaced"]
