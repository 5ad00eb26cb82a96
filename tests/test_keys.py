"""API keys: made, kept as hashes, listed, revoked; and the ring of those that a server takes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from rag.__main__ import main
from rag.errors import KeysError
from rag.keys import PREFIX, KeyFile, Keyring


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "data" / "keys.json")


def test_a_key_is_long_and_random_and_only_its_hash_is_kept(file: KeyFile) -> None:
    tokens = [file.add(name, "read") for name in ("a", "b")]
    assert len(set(tokens)) == 2
    assert all(token.startswith(PREFIX) and len(token) >= len(PREFIX) + 43 for token in tokens)
    kept = file.path.read_text()
    assert not any(token in kept or token.removeprefix(PREFIX) in kept for token in tokens)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes there")
def test_nobody_else_can_read_the_file_whatever_the_umask(file: KeyFile) -> None:
    before = os.umask(0)
    try:
        file.add("a", "read")
        file.add("b", "read")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_keys(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    token = file.add("a", "read")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeysError, match=r"cannot be written.*No space left"):
        file.add("b", "read")
    monkeypatch.undo()
    assert [key.name for key in file.read()] == ["a"]
    assert Keyring(file=file).holder(token.encode()) is not None
    file.add("b", "read")  # what the failed write left behind is no obstacle


@pytest.mark.parametrize("name", ["", "a b", "-x", "../x", "a\n", "钥匙", "x" * 65, "env-1"])
def test_a_name_that_cannot_be_one_is_refused(file: KeyFile, name: str) -> None:
    with pytest.raises(KeysError, match="cannot be the name of a key"):
        file.add(name, "read")


def test_a_name_is_taken_once(file: KeyFile) -> None:
    file.add("a", "read")
    with pytest.raises(KeysError, match="revoke it first"):
        file.add("a", "write")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": [{"name": "a"}]}', '{"keys": [7]}', "\udcff"])
def test_what_is_no_file_of_keys_is_said(file: KeyFile, text: str) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeysError, match=r"keys\.json"):
        file.read()


# --- The ring -----------------------------------------------------------------------------------------------


def test_a_ring_knows_the_keys_of_the_environment_and_of_the_file(file: KeyFile) -> None:
    token = file.add("ci", "read")
    ring = Keyring(["first", "zweiter-schlüssel"], file)
    known = [ring.holder(one.encode()) for one in ("first", "zweiter-schlüssel", token)]
    assert [(key.name, key.role) for key in known if key] == [("env-1", "write"), ("env-2", "write"), ("ci", "read")]
    for wrong in (b"", b"firs", token[:-1].encode(), token.upper().encode(), b"\xff"):
        assert ring.holder(wrong) is None


def test_a_ring_sees_the_file_change(file: KeyFile) -> None:
    ring = Keyring(file=file)
    locked = [ring.is_locked]
    token = file.add("a", "write")
    assert [*locked, ring.is_locked] == [False, True]
    assert ring.holder(token.encode()) is not None
    file.revoke("a")
    assert ring.holder(token.encode()) is None


def test_taking_the_last_key_away_does_not_open_the_doors(file: KeyFile) -> None:
    file.add("a", "write")
    ring = Keyring(file=file)
    file.revoke("a")
    assert ring.is_locked
    file.path.unlink()
    assert ring.is_locked
    assert not Keyring(file=file).is_locked  # a server that is started anew asks its settings


def test_a_file_that_breaks_while_the_server_runs_lets_nobody_in(file: KeyFile) -> None:
    token = file.add("a", "write")
    ring = Keyring(["env-key"], file)
    good = file.path.read_text()
    file.path.write_text("{")
    assert ring.holder(token.encode()) is None
    assert ring.holder(b"env-key") is not None
    assert ring.is_locked
    file.path.write_text(good)
    assert ring.holder(token.encode()) is not None


def test_off_this_machine_a_ring_is_locked_even_without_a_key() -> None:
    assert Keyring(open_without=False).is_locked


# --- The command --------------------------------------------------------------------------------------------


def test_the_command_makes_lists_and_revokes(tmp_path: Path) -> None:
    """As it is typed, where a server could not start yet for want of a key."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAG_HOST": "0.0.0.0", "RAG_LOG_FORMAT": "json"}
        command = [sys.executable, "-m", "rag", "keys", *arguments, "--data-dir", "data"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    added = run("add", "ci", "--role", "write")
    token = added.stdout.strip()
    key = Keyring(file=KeyFile(tmp_path / "data" / "keys.json")).holder(token.encode())
    assert key is not None
    assert (key.name, key.role) == ("ci", "write")
    line = json.loads(added.stderr)
    assert (line["logger"], line["message"], line["key"], line["result"]) == ("rag.audit", "key added", "ci", "ok")
    assert token not in added.stderr


def test_the_command_lists_names_and_never_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data-dir", str(tmp_path)]
    assert main(["keys", "add", "reporting", *where]) == 0
    token = capsys.readouterr().out.strip()
    assert main(["keys", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("reporting\tread\t20")
    assert token not in listed
    assert main(["keys", "revoke", "reporting", *where]) == 0
    assert main(["keys", "revoke", "reporting", *where]) == 2
    assert "there is no key 'reporting'" in capsys.readouterr().err
