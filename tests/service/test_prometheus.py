"""What `deploy/` holds, loaded by a real Prometheus that scrapes a real service."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, LiveServer, fresh_database, running_service

DEPLOY = ROOT / "deploy"
WAIT_SECONDS = 60
NAME = re.compile(r"\b(?:activity_[a-z0-9_]+|process_[a-z0-9_]+|up)\b(?!\")")
LABELS = re.compile(r"\{[^}]*\}|\b(?:by|without) \([^)]*\)")


@pytest.fixture(scope="module", autouse=True)
def can_run() -> None:
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"{missing} are not installed")
    if missing:
        pytest.skip(f"LEFT OUT: {missing} are not installed (Debian: apt-get install prometheus)")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    return found


def of_dashboard() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def named_in(expression: str) -> set[str]:
    return set(NAME.findall(LABELS.sub("", expression)))


def make_traffic(url: str) -> None:
    """Some of everything that is counted."""
    good = {"user_email": "ada@example.com", "event_type": "a"}
    with httpx.Client(base_url=url, timeout=20) as client:
        client.post("/api/events/log", json=good)
        client.post("/api/events/log/batch", json={"events": [good, {}]})
        client.get("/api/events/", params={"user_email": "ada@example.com"})
        with client.stream("GET", "/api/events/stream") as stream:
            next(stream.iter_lines())


class Prometheus:
    """A server on loopback; asked by HTTP."""

    def __init__(self, url: str, target: str) -> None:
        self.target = target
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=20)

    def get(self, path: str, **params: str) -> Any:
        answer = self._client.get(path, params=params)
        answer.raise_for_status()  # 503 while it starts
        found = answer.json()
        assert found["status"] == "success", found
        return found["data"]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        filled = expression.replace("$__rate_interval", "1m")
        found: list[dict[str, Any]] = self.get("/query", query=filled)["result"]
        return found

    def wait_for(self, expression: str) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            try:
                if self.ask(expression):
                    return
            except (httpx.TransportError, httpx.HTTPStatusError):
                pass
            time.sleep(0.2)  # a real program's own pace
        raise AssertionError(f"Prometheus has nothing of {expression}")

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[LiveServer]:
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        yield server


@pytest.fixture(scope="module")
def prometheus(
    service: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """With the configuration of `deploy/`, but for the target and the pace."""
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copy(DEPLOY / "alerts.yml", folder)
    target = f"{service.host}:{service.port}"
    text = (DEPLOY / "prometheus.yml").read_text()
    assert "127.0.0.1:8000" in text
    assert text.count("15s") == 2
    config = folder / "prometheus.yml"
    config.write_text(text.replace("127.0.0.1:8000", target).replace("15s", "1s"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            shutil.which("prometheus") or "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=error",
        ]
    )
    found = Prometheus(f"http://{address}", target)
    try:
        make_traffic(service.url)
        found.wait_for("up == 1")
        found.wait_for("activity_duty_last_success_timestamp_seconds")  # the first look is late
        make_traffic(service.url)
        found.wait_for("rate(activity_events_total[1m]) > 0")
        found.wait_for("activity_requests_total offset 3s")
        yield found
    finally:
        found.close()
        process.terminate()
        process.wait(WAIT_SECONDS)


def alerts(prometheus: Prometheus) -> list[dict[str, Any]]:
    groups = prometheus.get("/rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_files_are_what_prometheus_takes() -> None:
    for what, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        command = [shutil.which("promtool") or "promtool", "check", what, name]
        checked = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_the_service_is_scraped_and_no_alert_fires_for_it(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    found = alerts(prometheus)
    assert len(found) > 15
    for rule in found:
        assert rule["health"] in {"ok", "unknown"}, rule
        assert not rule.get("lastError"), rule
        assert rule["state"] != "firing", rule
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_every_alert_asks_about_what_is_there(prometheus: Prometheus) -> None:
    for rule in alerts(prometheus):
        prometheus.ask(rule["query"])
        names = named_in(rule["query"])
        assert names, rule["name"]
        for name in names:
            assert prometheus.ask(f"count({name})"), (rule["name"], name)


def test_every_panel_shows_something(prometheus: Prometheus) -> None:
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            assert prometheus.ask(target["expr"]), panel["title"]


def test_each_name_is_one_of_the_service_s_metrics(
    prometheus: Prometheus, service: LiveServer
) -> None:
    text = httpx.get(f"{service.url}/metrics").text
    told = set(re.findall(r"^([a-z_0-9]+)[{ ]", text, re.MULTILINE)) | {"up"}
    asked = {name for expression in of_dashboard() for name in named_in(expression)}
    asked |= {name for rule in alerts(prometheus) for name in named_in(rule["query"])}
    assert asked <= told
    assert len(asked) > 20


def test_an_alert_fires_when_it_should(prometheus: Prometheus) -> None:
    """A name that is misspelt, or a label that is none, would never."""
    now_so = {
        "ActivityRejections": True,  # a quarter of the events of the traffic
        "ActivityDown": False,
        "ActivityErrors": False,
        "ActivityUnavailable": False,
        "ActivityQueueOld": False,
        "ActivityDatabaseDown": False,
        "ActivityRetentionOverdue": False,
        "ActivityNoEvents": False,
    }
    queries = {rule["name"]: rule["query"] for rule in alerts(prometheus)}
    assert {name: bool(prometheus.ask(queries[name])) for name in now_so} == now_so


def test_the_dashboard_can_be_imported() -> None:
    found = dashboard()
    assert (found["uid"], found["schemaVersion"]) == ("activity-events", 39)
    ids = [panel["id"] for panel in found["panels"]]
    assert sorted(set(ids)) == sorted(ids)
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
