"""Settings from the environment and .env."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import SettingsError
from rag.keys import KeyFile
from rag.settings import load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a .env."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_beats_the_file_and_the_command_line_beats_both(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / ".env").write_text("RAG_PORT=1111\nRAG_HOST=localhost\nOTHER=ignored\n")
    assert load_settings().port == 1111
    monkeypatch.setenv("RAG_PORT", "2222")
    assert load_settings().port == 2222
    assert load_settings(port=3333, host=None).port == 3333
    assert load_settings(host=None).host == "localhost"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RAG_PORT", "many", r"RAG_PORT=many: .*integer"),
        ("RAG_PORT", "70000", r"RAG_PORT=70000: .*65535"),
        ("RAG_EMBED_MODEL", "word2vec", r"RAG_EMBED_MODEL=word2vec: choose local, local-fast or openai:<model>"),
        ("RAG_EMBED_MODEL", "openai:", r"openai:<model>"),
        ("RAG_MAX_QUESTION_CHARS", "0", r"RAG_MAX_QUESTION_CHARS=0: "),
        ("RAG_ARTICLE", "x", r"unknown setting RAG_ARTICLE; known are .*RAG_ARTICLES"),
        ("RAG_USERS", "anna", r"RAG_USERS: write each user as name:password"),
        ("RAG_CHAT_TEMPERATURE", "3", r"RAG_CHAT_TEMPERATURE=3: "),
        ("RAG_CHAT_TIMEOUT", "0", r"RAG_CHAT_TIMEOUT=0: "),
        ("RAG_CHAT_PRICE_IN", "nan", r"RAG_CHAT_PRICE_IN=nan: "),
        ("RAG_CHAT_PRICE_OUT", "2", r"set both RAG_CHAT_PRICE_IN and RAG_CHAT_PRICE_OUT, or neither"),
        ("RAG_CHAT_MAX_TOKENS", "5000", r"RAG_CHAT_MAX_TOKENS=5000 leaves too little of RAG_CHAT_CONTEXT=8192"),
        ("RAG_HISTORY_TURNS", "-1", r"RAG_HISTORY_TURNS=-1: "),
        ("RAG_HOST", "0.0.0.0", r"RAG_HOST=0\.0\.0\.0 would let anyone on the network in; set RAG_API_KEYS"),
        ("RAG_HOST", "0.0.0.0", r"or make a key with python -m rag keys add NAME"),
        ("RAG_ROOT_PATH", "/articles", r"RAG_ROOT_PATH=/articles would let anyone on the network in"),
        ("RAG_TRUSTED_PROXIES", "127.0.0.1", r"RAG_TRUSTED_PROXIES would let anyone on the network in"),
        ("RAG_ROOT_PATH", "articles", r"RAG_ROOT_PATH=articles: write it like /articles"),
        ("RAG_ROOT_PATH", "/v1/x", r"must not begin with a path of the server itself"),
        ("RAG_TRUSTED_PROXIES", "*", r"RAG_TRUSTED_PROXIES=\*: \* is no address"),
        ("RAG_CORS_ORIGINS", "*", r"RAG_CORS_ORIGINS=\*: \* is no origin; name each one"),
        ("RAG_CORS_ORIGINS", "https://a.org/x", r"https://a\.org/x is no origin"),
        ("RAG_READ_ONLY_USERS", "ben", r"RAG_READ_ONLY_USERS=ben: RAG_USERS has no such name"),
        ("RAG_RATE_PER_MINUTE", "-1", r"RAG_RATE_PER_MINUTE=-1: "),
        ("RAG_LOG_FORMAT", "xml", r"RAG_LOG_FORMAT=xml: "),
    ],
)
def test_an_impossible_value_is_refused_with_its_name_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_a_network_address_is_allowed_with_keys_and_keys_hide_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_HOST", "0.0.0.0")
    monkeypatch.setenv("RAG_API_KEYS", "first-secret, second-secret,")
    settings = load_settings()
    assert [key.get_secret_value() for key in settings.api_keys] == ["first-secret", "second-secret"]
    assert "secret" not in repr(settings).replace("SecretStr", "")


def test_a_key_in_the_file_opens_a_network_address(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_HOST", "0.0.0.0")
    KeyFile(elsewhere / ".rag" / "keys.json").add("a", "read")
    assert load_settings().host == "0.0.0.0"
    assert not load_settings().is_local
    assert load_settings(host="127.0.0.1").is_local
    assert not load_settings(host="127.0.0.1", root_path="/articles").is_local


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_CHROMA_URL", "")
    assert load_settings().chroma_url is None


def test_the_folder_of_runs_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().runs == Path("runs")
    monkeypatch.setenv("RAG_RUNS", "auswertungen/läufe")
    assert load_settings().runs == Path("auswertungen/läufe")


def test_a_chat_model_needs_a_server_or_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("RAG_CHAT_MODEL", "small")
    with pytest.raises(SettingsError, match=r"RAG_CHAT_MODEL=small needs a server; set OPENAI_BASE_URL .*_KEY"):
        load_settings()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert load_settings().chat_model == "small"


def test_a_key_in_the_environment_alone_asks_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    settings = load_settings()
    assert (settings.chat_model, settings.judge_model, settings.embed_model) == (None, None, "local")


def test_a_chat_model_has_prices_when_both_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().chat_price_in, load_settings().chat_price_out) == (None, None)
    monkeypatch.setenv("RAG_CHAT_PRICE_IN", "0")
    monkeypatch.setenv("RAG_CHAT_PRICE_OUT", "1.25")
    assert (load_settings().chat_price_in, load_settings().chat_price_out) == (0.0, 1.25)
