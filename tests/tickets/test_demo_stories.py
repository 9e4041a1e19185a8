"""The demo desk's people, catalogue and conversations hold together and obey the workflow."""

import re
from collections import Counter
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from tickets.demo.catalogue import SERVICES, TEAMS
from tickets.demo.people import PEOPLE, Person
from tickets.demo.shapes import Story, Turn
from tickets.demo.stories import STORIES, TAGS

# What "then" asks of the status before it, and the status it leaves.
MOVES: dict[str, tuple[tuple[str, ...], str]] = {
    "start": (("NEW",), "IN_PROGRESS"),
    "wait_requester": (("IN_PROGRESS",), "WAITING REQUESTER"),
    "wait_third_party": (("IN_PROGRESS",), "WAITING THIRD_PARTY"),
    "resume": (("WAITING REQUESTER", "WAITING THIRD_PARTY"), "IN_PROGRESS"),
    "resolve": (("IN_PROGRESS", "WAITING REQUESTER", "WAITING THIRD_PARTY"), "DONE"),
    "cancel": (("NEW", "IN_PROGRESS", "WAITING REQUESTER", "WAITING THIRD_PARTY"), "CANCELED"),
    "reopen": (("DONE",), "IN_PROGRESS"),
}
STAFF = {"agent", "lead"}
ALLOWED = {
    "requester": {"", "cancel", "reopen"},
    "colleague": {""},
    "agent": {"", "start", "wait_requester", "wait_third_party", "resume", "hand_over", "resolve", "cancel"},
    "lead": {"", "hand_over", "cancel", "resolve"},
}
ANSWER_WITHIN_MINUTES = 2 * 24 * 60
LONGEST_STORY_MINUTES = 14 * 24 * 60

each_story = pytest.mark.parametrize("story", STORIES, ids=[story.key for story in STORIES])


def outcome_of(story: Story) -> str:
    """Play the turns over the workflow; an illegal one fails the test."""
    status, claimed, reopened, canceled_by = "NEW", False, False, ""
    for turn in story.turns:
        claimed = claimed or turn.who == "agent"
        assert turn.then in ALLOWED[turn.who], turn
        if turn.who == "requester" and status == "WAITING REQUESTER" and turn.then == "":
            status = "IN_PROGRESS"
        if turn.then == "hand_over":
            assert claimed, turn
            assert status not in {"DONE", "CANCELED"}, turn
        elif turn.then:
            before, after = MOVES[turn.then]
            assert status in before, (status, turn)
            if turn.who in STAFF:
                assert claimed, turn
            elif turn.then == "cancel":
                assert not claimed, turn
                assert status == "NEW", turn
            status = after
            reopened = reopened or turn.then == "reopen"
            canceled_by = turn.who if turn.then == "cancel" else canceled_by
        else:
            assert status != "CANCELED", turn
    if status == "NEW":
        return "new_claimed" if claimed else "new_unassigned"
    if status == "CANCELED":
        return "canceled_by_staff" if canceled_by in STAFF else "canceled_by_requester"
    if status == "DONE":
        return "reopened_done" if reopened else "done"
    return status.lower().replace(" ", "_")


def texts(story: Story) -> list[str]:
    return [story.title, story.description, *(turn.text for turn in story.turns)]


def prose(text: str) -> str:
    """The text without code, links and mail addresses, which are Latin in any language."""
    return re.sub(r"```.*?```|`[^`]*`|https?://\S+|\S+@\S+", " ", text, flags=re.DOTALL)


def test_people_are_forty_with_the_agreed_roles() -> None:
    assert Counter(person.role for person in PEOPLE) == {"ADMIN": 2, "AGENT": 11, "EMPLOYEE": 27}
    assert [person.email.split("@")[0] for person in PEOPLE[:4]] == ["admin", "agent", "lead", "employee"]
    assert Counter(person.language for person in PEOPLE) == {"ru": 24, "en": 16}


def test_people_have_unique_keys_names_and_emails() -> None:
    assert len({person.key for person in PEOPLE}) == len(PEOPLE)
    assert len({person.full_name for person in PEOPLE}) == len(PEOPLE)
    assert len({person.email.lower() for person in PEOPLE}) == len(PEOPLE)


@pytest.mark.parametrize("person", PEOPLE, ids=[person.key for person in PEOPLE])
def test_a_person_is_written_in_the_alphabet_of_the_language(person: Person) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)?@northwind\.example", person.email)
    assert bool(re.search(r"[а-яё]", person.full_name, re.IGNORECASE)) == (person.language == "ru")
    assert ZoneInfo(person.time_zone).key == person.time_zone


def test_every_team_has_one_lead_and_someone_to_hand_over_to() -> None:
    for team in TEAMS:
        members = [person for person in PEOPLE if team.key in person.teams]
        assert len(members) >= 3, team
        assert {person.role for person in members} == {"AGENT"}
        assert len([person for person in members if team.key in person.leads]) == 1
    assert all(set(person.leads) <= set(person.teams) for person in PEOPLE)
    assert len([person for person in PEOPLE if len(person.teams) == 2]) == 1
    assert all(person.teams for person in PEOPLE if person.role == "AGENT")


def test_the_catalogue_has_three_teams_and_twelve_services() -> None:
    assert len({team.key for team in TEAMS}) == 3
    assert len({service.key for service in SERVICES}) == 12
    assert {service.team for service in SERVICES} == {team.key for team in TEAMS}
    assert [service.key for service in SERVICES if service.confidential] == ["payroll"]
    assert {story.service for story in STORIES} == {service.key for service in SERVICES}


def test_there_are_stories_for_four_hundred_tickets() -> None:
    assert len(STORIES) >= 70
    assert sum(len(story.variants) for story in STORIES) >= 400
    assert len({story.key for story in STORIES}) == len(STORIES)
    languages = Counter(story.language for story in STORIES)
    assert min(languages["ru"], languages["en"]) >= 0.4 * len(STORIES)
    assert {story.priority for story in STORIES} == {"LOW", "NORMAL", "HIGH", "URGENT"}


def test_tags_are_few_and_lowercase() -> None:
    assert 20 <= len(TAGS) <= 30
    assert all(tag == tag.lower() and " " not in tag for tag in TAGS)
    assert all(story.tags and len(set(story.tags)) == len(story.tags) for story in STORIES)


def test_no_two_tickets_read_the_same() -> None:
    told = [story.told(number) for story in STORIES for number in range(len(story.variants))]
    assert len({(ticket.title, ticket.description) for ticket in told}) == len(told)


@each_story
def test_every_variant_fills_every_placeholder(story: Story) -> None:
    wanted = {name for text in texts(story) for _, name, _, _ in Formatter().parse(text) if name is not None}
    assert 4 <= len(story.variants) <= 7
    for number, variant in enumerate(story.variants):
        assert set(variant) == wanted
        ticket = story.told(number)
        assert 3 <= len(ticket.title) <= 255
        for text in texts(ticket):
            assert text == text.strip() != ""
            assert not set("{}") & set(text)


@each_story
def test_the_turns_are_legal_and_end_in_the_declared_outcome(story: Story) -> None:
    assert outcome_of(story) == story.outcome


@each_story
def test_turns_are_said_by_those_who_may(story: Story) -> None:
    for turn in story.turns:
        assert turn.after_minutes > 0
        if turn.internal:
            assert turn.who in STAFF
            assert turn.then in {"", "hand_over"}
        assert turn.internal or turn.then != "hand_over"
    assert sum(turn.after_minutes for turn in story.turns) <= LONGEST_STORY_MINUTES


@each_story
def test_whatever_follows_a_solution_comes_before_the_ticket_closes_by_itself(story: Story) -> None:
    resolved, minutes = False, 0
    for turn in story.turns:
        minutes += turn.after_minutes
        if resolved:
            assert minutes <= ANSWER_WITHIN_MINUTES
        if turn.then in {"resolve", "reopen"}:
            resolved, minutes = turn.then == "resolve", 0


@each_story
def test_the_text_is_in_the_alphabet_of_the_language(story: Story) -> None:
    for number in range(len(story.variants)):
        ticket = story.told(number)
        for text in texts(ticket):
            if ticket.language == "en":
                assert not re.search(r"[а-яё]", text, re.IGNORECASE), text
            else:
                assert re.search(r"[а-яё]", text, re.IGNORECASE), text
        together = prose(" ".join(texts(ticket)))
        cyrillic = len(re.findall(r"[а-яё]", together, re.IGNORECASE))
        latin = len(re.findall(r"[a-z]", together, re.IGNORECASE))
        assert ticket.language == "en" or cyrillic > 3 * latin


@pytest.mark.parametrize(
    "turns",
    [
        (Turn("agent", "Done.", 5, then="resolve"),),
        (Turn("agent", "On it.", 5, then="start"), Turn("requester", "Never mind.", 5, then="cancel")),
        (Turn("requester", "Again.", 5, then="reopen"),),
        (Turn("lead", "Take it over, please.", 5, True, "hand_over"),),
    ],
)
def test_an_illegal_story_is_noticed(turns: tuple[Turn, ...]) -> None:
    story = Story("bad", "vpn", "en", "Bad", "Bad", "LOW", ("vpn",), turns, "done", ())
    with pytest.raises(AssertionError):
        outcome_of(story)
