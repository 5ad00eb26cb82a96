"""What the documents say is what the product does."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT

from rag.settings import Settings, settings_table, variable

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_current() -> None:
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_every_setting_that_the_readme_names_exists() -> None:
    assert set(re.findall(r"RAG_\w+", README)) <= {variable(name) for name in Settings.model_fields}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_the_readme_links_to_files_that_exist(link: str) -> None:
    assert link == "…" or link.startswith("http") or (ROOT / link).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)", README))))
def test_the_readme_names_targets_that_exist(target: str) -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^{target}\s", shown, re.MULTILINE)


@pytest.mark.parametrize("command", [["ingest.py"], ["chat_app.py"], ["-m", "eval", "run"]])
def test_help_names_the_options_that_the_readme_uses(command: list[str]) -> None:
    shown = subprocess.run([sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    name = command[-1] if command[0] != "-m" else "-m eval run"
    used = {
        option
        for line in README.splitlines()
        if line.startswith(f"python {name}")
        for option in re.findall(r"--[a-z-]+", line)
    }
    assert used <= set(re.findall(r"--[a-z-]+", shown.stdout))


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    wrong = re.compile(r"(?<![\w.])/(?:work|root|home)/\w|https?://\S+/simple\b|pythonhosted", re.IGNORECASE)
    for name in listed:
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".txt", ".jsonl", ""}
            and path.is_file()
            and path.name != "test_docs.py"
        ):
            assert not wrong.search(path.read_text(encoding="utf-8")), name
