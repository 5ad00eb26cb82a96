"""Settings: the one place that reads the environment and ``.env``."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Self

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rag.errors import SettingsError
from rag.keys import FILE_NAME, KeyFile
from rag.logs import Format, Level

PREFIX = "RAG_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Parts of the address space that are the server's own: a prefix that begins with one could not be told from a route.
OWN_PATHS = (
    "api",
    "v1",
    "mcp",
    "health",
    "metrics",
    "docs",
    "openapi.json",
    "gradio_api",
    "evaluation",
    "export",
    "login",
)
ENV_FILE = Path(".env")
JSON_FIELDS = ("text", "title", "url", "author", "date", "description", "tags", "id")


class Settings(BaseSettings):
    """Everything a user can set. Each field is the variable ``RAG_<FIELD>``; the environment beats ``.env``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True, env_ignore_empty=True
    )

    articles: Path = Field(Path("articles"), description="folder of articles that is indexed by default")
    watch: bool = Field(True, description="whether the server follows what is added to, changed in and removed from it")
    json_fields: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="comma list of where in a JSON article its fields are, e.g. text=body.raw, url=meta.link; "
        "fields are text, title, url, author, date, description, tags and id",
    )
    data_dir: Path = Field(Path(".rag"), description="where the index, the answers and the feedback are kept")
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL instead of SQLite, for several machines, e.g. postgresql://user:password@host/name",
    )
    ray_address: str | None = Field(
        None, description="a Ray cluster whose machines ingest.py has read the files, e.g. 10.0.0.5:6379; empty: none"
    )
    chroma_url: str | None = Field(None, description="a Chroma server, e.g. http://127.0.0.1:8000; empty: embedded")
    chroma_token: SecretStr | None = Field(
        None, description="sent as a bearer token to the proxy in front of that server"
    )
    embed_model: str = Field(
        "local",
        description="local: both encoders; local-fast: the first alone; "
        "or openai:<model> asked through OPENAI_BASE_URL",
    )
    chat_model: str | None = Field(
        None, description="model that words the answers, asked through OPENAI_BASE_URL; empty: none, answers are quotes"
    )
    chat_temperature: float = Field(0, ge=0, le=2, description="how freely it words them; 0: as alike as it can")
    chat_context: int = Field(8192, ge=1024, description="tokens that it reads and writes in one go")
    chat_max_tokens: int = Field(512, ge=16, description="tokens of its longest reply, a part of these")
    chat_timeout: float = Field(
        120,
        gt=0,
        le=3600,
        description="seconds that a reply may take, retries included; "
        "to rewrite a follow-up question before it, a quarter of that",
    )
    chat_price_in: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="price of a million tokens that it reads; empty: no cost is shown"
    )
    chat_price_out: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="price of a million tokens that it writes"
    )
    history_turns: int = Field(10, ge=0, le=100, description="last messages of a conversation that are looked at")
    judge_model: str | None = Field(
        None,
        description="model that grades answers in an evaluation and, beside a chat model, looks at each sentence once "
        "more before it is said; asked through OPENAI_BASE_URL; empty: none",
    )
    host: str = Field("127.0.0.1", description="address that the page and the API listen on")
    port: int = Field(7860, ge=0, le=65535, description="their port; 0 takes a free one")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="comma list of bearer keys for the API, beside those of `python -m rag keys`; none of either: "
        "open, on loopback only",
    )
    users: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="comma list of name:password for the page; empty: no login, on loopback only"
    )
    read_only_users: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="comma list of names from RAG_USERS; they ask and rate, but neither upload nor remove"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="comma list of origins, e.g. https://app.example.org, whose pages may call the API; empty: none"
    )
    rate_per_minute: int = Field(
        120, ge=0, description="requests a minute of one key, of one page user, or of one address without; 0: no limit"
    )
    answers_at_once: int | None = Field(
        None, ge=1, le=1000, description="questions and searches of the API at once; empty: 3, with a chat model 16"
    )
    answers_waiting: int = Field(256, ge=0, le=100_000, description="more of them that wait in line; beyond it: 503")
    request_timeout: float = Field(
        300, gt=0, le=86_400, description="seconds that a request may take; an upload six times that"
    )
    max_connections: int = Field(512, ge=16, le=100_000, description="connections at once")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="comma list of addresses or networks of proxies whose X-Forwarded headers are believed"
    )
    root_path: str = Field("", description="prefix under which a proxy serves all this, e.g. /articles")
    stop_seconds: float = Field(
        30, ge=0, le=3600, description="seconds that answers under way get to finish when the server is told to stop"
    )
    log_format: Format = Field("plain", description="plain or json, one line a record")
    log_level: Level = Field(
        "info", description="debug, info, warning or error; at debug the log may hold what people ask"
    )
    max_question_chars: int = Field(2000, ge=1, le=100_000, description="longest question, in characters")
    max_upload_mb: int = Field(50, ge=1, le=1024, description="largest upload of articles, in MB")
    max_upload_files: int = Field(
        200, ge=1, le=10_000, description="most files in one upload, those inside a zip included"
    )
    runs: Path = Field(Path("runs"), description="folder of evaluation runs, which the page lists")
    openai_base_url: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_BASE_URL"), description="OpenAI-compatible server"
    )
    openai_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("OPENAI_API_KEY"), description="its key"
    )

    @field_validator(
        "api_keys", "users", "read_only_users", "cors_origins", "trusted_proxies", "json_fields", mode="before"
    )
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("embed_model")
    @classmethod
    def _known_embedder(cls, value: str) -> str:
        if value in ("local", "local-fast") or (value.startswith("openai:") and value != "openai:"):
            return value
        raise ValueError("choose local, local-fast or openai:<model>")

    @field_validator("json_fields")
    @classmethod
    def _names_and_paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not re.fullmatch(rf"(?:{'|'.join(JSON_FIELDS)})\s*=\s*[^=.]+(?:\.[^=.]+)*", one):
                raise ValueError(
                    f"{one} is no field and place; write it like text=body.raw, with {', '.join(JSON_FIELDS)}"
                )
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("write it like postgresql://user:password@host:5432/name")
        return value

    @field_validator("chroma_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", value):
            raise ValueError("write it like http://127.0.0.1:8000, without a user or password")
        return value

    @field_validator("users")
    @classmethod
    def _names_and_passwords(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(re.fullmatch(r"[^:]+:.+", user.get_secret_value()) for user in value):
            raise ValueError("write each user as name:password")
        return value

    @model_validator(mode="after")
    def _chat_model_can_be_asked(self) -> Self:
        if self.chat_model and not (self.openai_base_url or self.openai_api_key):
            raise ValueError(
                f"RAG_CHAT_MODEL={self.chat_model} needs a server; set OPENAI_BASE_URL to its address, "
                "or OPENAI_API_KEY to ask OpenAI"
            )
        if (self.chat_price_in is None) != (self.chat_price_out is None):
            raise ValueError("set both RAG_CHAT_PRICE_IN and RAG_CHAT_PRICE_OUT, or neither; a price can be 0")
        if self.chat_max_tokens > self.chat_context // 2:
            raise ValueError(
                f"RAG_CHAT_MAX_TOKENS={self.chat_max_tokens} leaves too little of RAG_CHAT_CONTEXT={self.chat_context} "
                "for the passages; set it to half of that at most"
            )
        return self

    @field_validator("cors_origins")
    @classmethod
    def _named_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not re.fullmatch(r"https?://[^/*\s?#@]+", one):
                raise ValueError(f"{one} is no origin; name each one, like https://app.example.org, without a path")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise ValueError(f"{one} is no address; name each one, like 127.0.0.1 or 10.0.0.0/8") from None
        return value

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, value: str) -> str:
        path = value.rstrip("/")
        if path and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", path):
            raise ValueError("write it like /articles")
        if path.split("/")[1:2] and path.split("/")[1] in OWN_PATHS:
            raise ValueError(f"it must not begin with a path of the server itself ({', '.join(OWN_PATHS)})")
        return path

    @model_validator(mode="after")
    def _readers_are_users(self) -> Self:
        names = {user.get_secret_value().partition(":")[0] for user in self.users}
        if unknown := [name for name in self.read_only_users if name not in names]:
            raise ValueError(f"RAG_READ_ONLY_USERS={','.join(unknown)}: RAG_USERS has no such name")
        return self

    @model_validator(mode="after")
    def _keys_off_loopback(self) -> Self:
        if not self.is_local and not self.api_keys and not self.key_file.read():
            where = f"RAG_HOST={self.host}"
            if self.host in LOOPBACK:
                where = f"RAG_ROOT_PATH={self.root_path}" if self.root_path else "RAG_TRUSTED_PROXIES"
            raise ValueError(
                f"{where} would let anyone on the network in; set RAG_API_KEYS, or make a key with "
                "python -m rag keys add NAME, or serve this machine alone at 127.0.0.1 without a proxy"
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server: it listens on loopback, and for no proxy."""
        return self.host in LOOPBACK and not self.trusted_proxies and not self.root_path

    @property
    def json_places(self) -> dict[str, str]:
        """Where the fields of an article are in JSON, by field."""
        pairs = (one.partition("=") for one in self.json_fields)
        return {name.strip(): place.strip() for name, _, place in pairs}

    @property
    def key_file(self) -> KeyFile:
        """Where the API keys of ``python -m rag keys`` are."""
        return KeyFile(self.data_dir / FILE_NAME)


def variable(name: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + name.upper()


def settings_table() -> str:
    """The rows of the documentation's table of settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        rows.append(f"| `{variable(name)}` | {default} | {field.description} |\n")
    return "".join(rows)


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and ``.env``; ``overrides`` (from a command line) beat both, None is unset.

    Raises:
        SettingsError: a ``RAG_`` variable is unknown, or a value is not possible; the message names it.
    """
    known = {name for name in map(variable, Settings.model_fields) if name.startswith(PREFIX)}
    given = {*os.environ, *(dotenv_values(ENV_FILE) if ENV_FILE.is_file() else ())}
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(dict(e)) for e in error.errors())) from error


def _explain(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    location = str(error["loc"][0])
    name = variable(location) if location in Settings.model_fields else location
    shown = "" if name.endswith(("KEYS", "KEY", "TOKEN", "USERS", "DATABASE_URL")) else f"={error['input']}"
    return f"{name}{shown}: {message}"
