"""What is delivered for Prometheus and Grafana: it asks for what there is, and says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from serviceflow import figures, metrics, standing
from tests.served import CHECKOUT

PROMETHEUS = CHECKOUT / "deploy" / "prometheus"
OPERATIONS = CHECKOUT / "docs" / "operations.md"


def names() -> set[str]:
    """Every series there is, as Prometheus calls it."""
    found = {"up"} | {
        *figures.OF_HEALTH,
        *figures.UP,
        *(name for one in figures.FAMILIES for name in one.names),
    }
    endings = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    for family in metrics.OURS.collect():
        found |= {f"{family.name}{ending}" for ending in endings[family.type]}
    return found


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\bserviceflow_\w+", re.sub(r'"[^"]*"', "", expression)))


def rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((PROMETHEUS / "serviceflow.rules.yml").read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def expressions_of(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for panel in panels:
        yield from expressions_of(panel.get("panels", []))
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))


def test_the_dashboard_asks_for_what_there_is_and_shows_all_of_it() -> None:
    """Seen to fail with a letter more in one expression, and with any panel taken out that alone shows something."""
    board = json.loads((CHECKOUT / "deploy" / "grafana" / "serviceflow.json").read_text())
    expressions = list(expressions_of(board["panels"]))
    unknown = {title: odd for title, expression in expressions if (odd := asked(expression) - names())}
    assert not unknown
    shown = {name for _title, expression in expressions for name in asked(expression)}
    # Of a histogram the buckets are enough.
    assert {name for name in names() - shown if not name.endswith(("_sum", "_count"))} == {"up"}
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_alert_asks_for_what_there_is_and_leads_to_what_to_do() -> None:
    """Seen to fail with an alert renamed, with a heading of the page renamed, and with a metric that is not there."""
    headings = re.findall(r"(?m)^### (ServiceFlow\w+)\n\n(Page|Ticket)\. \S", OPERATIONS.read_text())
    made = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        assert not asked(rule["expr"]) - names()
        assert set(re.findall(r"\bserviceflow:[\w:]+", rule["expr"])) <= made
    for alert in alerts():
        name = alert["alert"]
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
        assert alert["annotations"]["summary"], name
    assert headings == [(one["alert"], one["labels"]["severity"].capitalize()) for one in alerts()]


@pytest.mark.parametrize(
    ("alert", "limit"),
    [
        ("ServiceFlowMailboxSilent", standing.LATE),
        ("ServiceFlowBackupOld", standing.BACKED_UP),
        ("ServiceFlowUnsealed", standing.SEALED),
    ],
)
def test_the_status_page_is_troubled_by_what_rings(alert: str, limit: timedelta) -> None:
    """For as long. Seen to fail with another number in either place."""
    [expression] = [one["expr"] for one in alerts() if one["alert"] == alert]
    factors = re.findall(r"> (\d+)(?: \* (\d+))?\s*$", expression)
    assert [int(one) * int(other or 1) for one, other in factors] == [limit.total_seconds()]


def test_every_metric_is_explained() -> None:
    told = OPERATIONS.read_text()
    of_families = {family.name + "_total" * (family.type == "counter") for family in metrics.OURS.collect()}
    of_gauges = {*figures.OF_HEALTH, *figures.UP, *(name for one in figures.FAMILIES for name in one.names)}
    assert {name for name in of_families | of_gauges if f"`{name}`" not in told} == set()


def test_prometheus_asks_every_server_of_the_compose_file_by_itself() -> None:
    """Seen to fail with another port, and with one in .env.example, which many copy as it is."""
    [scraped] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    asked_at = {(name, each["port"]) for each in scraped["dns_sd_configs"] for name in each["names"]}
    compose = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    assert asked_at == {
        ("web", int(re.search(r":(\d+)$", compose["web"]["ports"][0])[1])),  # type: ignore[index]
        ("worker", int(re.search(r"\d+", compose["worker"]["environment"]["METRICS_PORT"])[0])),  # type: ignore[index]
    }
    assert "\nMETRICS_PORT=\n" in (CHECKOUT / ".env.example").read_text()
    assert {each["type"] for each in scraped["dns_sd_configs"]} == {"A"}
    assert scraped["job_name"] == "serviceflow"
    assert {"source_labels": ["__meta_dns_name"], "target_label": "part"} in scraped["relabel_configs"]


def test_every_alert_is_tried() -> None:
    """The cases of promtool name each: also where there is no promtool to run them."""
    cases = yaml.safe_load((PROMETHEUS / "serviceflow.rules.test.yml").read_text())["tests"]
    ringing = str(next(case for case in cases if case["name"] == "everything is wrong"))
    assert all(f'"{alert["alert"]}"' in ringing for alert in alerts())


def test_alerts_ring_when_they_should_and_only_then() -> None:
    """By Prometheus' own tool. Seen to fail with 120 seconds made 12,000, without max() over what every server
    tells, without either absent(), and without what begins with a burst in any of the three.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt install prometheus; the alerts were not tried")
    for arguments in (
        ["check", "rules", "serviceflow.rules.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
        ["test", "rules", "serviceflow.rules.test.yml"],
    ):
        done = subprocess.run(
            [promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
