"""``compose.yaml`` and ``Dockerfile``, as far as they can be looked at without Docker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from rag.settings import Settings, load_settings, variable

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SERVICES = COMPOSE["services"]
SET_IN_IMAGE = dict(re.findall(r"(RAG_\w+)=(\S+)", DOCKERFILE))


def test_every_setting_that_they_name_exists() -> None:
    known = {variable(name) for name in Settings.model_fields}
    named = {*SET_IN_IMAGE, *SERVICES["app"]["environment"]}
    assert {name for name in named if name.startswith("RAG_")} - known == set()
    assert set(re.findall(r"\$\{(RAG_\w+)", (ROOT / "compose.yaml").read_text("utf-8"))) - known == set()


@pytest.mark.parametrize("database", ["", "postgresql://articles:secret@postgres/articles"])
def test_the_app_starts_with_these_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str) -> None:
    given = {"RAG_API_KEYS": "key", "RAG_USERS": "anna:secret", "RAG_DATABASE_URL": database}
    environment = SET_IN_IMAGE | {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda found: given[found[1]], value)
        for name, value in SERVICES["app"]["environment"].items()
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert (settings.host, settings.port, settings.chroma_url) == ("0.0.0.0", 7860, "http://chroma:8000")
    assert (settings.database_url is None) == (not database)


def test_nothing_is_reached_from_outside_but_the_app() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["app"]
    assert SERVICES["app"]["ports"] == [f"127.0.0.1:{SET_IN_IMAGE['RAG_PORT']}:{SET_IN_IMAGE['RAG_PORT']}"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("chroma", "postgres"):
        assert SERVICES[name]["networks"] == ["inside"]
    assert not any("network_mode" in service or service.get("privileged") for service in SERVICES.values())


def test_what_is_kept_is_on_volumes_that_the_app_may_write() -> None:
    mounted = {one.split(":")[1] for one in SERVICES["app"]["volumes"]}
    assert mounted == {SET_IN_IMAGE["RAG_DATA_DIR"], SET_IN_IMAGE["RAG_ARTICLES"]}
    assert set(re.findall(r'"(/\w+)"', re.search(r"VOLUME (.*)", DOCKERFILE)[1])) == mounted  # type: ignore[index]
    assert f"chown articles:articles {' '.join(sorted(mounted, reverse=True))}" in DOCKERFILE
    named = {one.split(":")[0] for service in SERVICES.values() for one in service["volumes"]}
    assert {one for one in named if not one.startswith(".")} == set(COMPOSE["volumes"])


def test_the_app_is_run_by_a_user_without_rights_and_its_health_is_looked_at() -> None:
    assert DOCKERFILE.rindex("USER articles") > DOCKERFILE.rindex("RUN ")
    assert f"127.0.0.1:{SET_IN_IMAGE['RAG_PORT']}/health" in DOCKERFILE
    assert f"EXPOSE {SET_IN_IMAGE['RAG_PORT']}" in DOCKERFILE
    assert SERVICES["app"]["cap_drop"] == ["ALL"]


def test_chroma_is_the_version_that_its_client_is() -> None:
    pinned = re.search(r"^chromadb==(.*)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned
    assert SERVICES["chroma"]["image"] == f"chromadb/chroma:{pinned[1]}"


def test_what_the_image_is_built_from_is_there_and_sent() -> None:
    sent = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[0] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    wanted = {name for line in copied for name in line.split()}
    assert wanted == sent
    assert all((ROOT / name).exists() for name in wanted)
