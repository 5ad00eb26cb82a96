"""API keys: who may ask the API, and who may change the articles. Only hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from rag.errors import KeysError

log = logging.getLogger(__name__)

Role = Literal["read", "write"]  # who may write may read, too

PREFIX = "ata_"  # by which a person, or a scanner of leaked secrets, knows one of ours
FILE_NAME = "keys.json"  # in the data folder
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ENV_NAME = "env-"


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its name. ``sha256`` is the hash of what its holder sends, in hexadecimal digits."""

    name: str
    role: Role
    sha256: str
    created: str = ""  # ISO 8601; empty for a key of the environment

    @property
    def may_write(self) -> bool:
        """Whether its holder may change the articles."""
        return self.role == "write"


def digest(token: bytes) -> str:
    """The hash of a key.

    One round of SHA-256 is enough: a key is 32 random bytes, which nobody can try one by one, however fast each try
    is. The slow hashes for passwords exist because people choose those.
    """
    return hashlib.sha256(token).hexdigest()


class KeyFile:
    """The keys of a data folder, in a file that only its owner can read and that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Key, ...]:
        """The keys, oldest first; none when there is no file.

        Raises:
            KeysError: the file cannot be read, or is no file of keys.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise KeysError(f"the file of keys {self.path} cannot be read: {error}; mend or delete it") from error
        try:
            return tuple(_key(one) for one in json.loads(text)["keys"])
        except (ValueError, KeyError, TypeError) as error:
            raise KeysError(f"{self.path} is no file of keys; delete it and add the keys anew") from error

    def add(self, name: str, role: Role) -> str:
        """Make a key and keep its hash. What is returned is known to nobody else and cannot be told again.

        Raises:
            KeysError: the name is taken or cannot be one, or the file cannot be read or written.
        """
        if not _NAME.fullmatch(name) or name.startswith(_ENV_NAME):
            raise KeysError(
                f"{name!r} cannot be the name of a key; take up to 64 of A-Z a-z 0-9 . _ - "
                f"(those that begin with {_ENV_NAME} are the keys of RAG_API_KEYS)"
            )
        token = PREFIX + secrets.token_urlsafe(32)
        with self._writing():
            keys = self.read()
            if any(key.name == name for key in keys):
                raise KeysError(f"there is a key {name!r} already; revoke it first, or take another name")
            made = Key(name, role, digest(token.encode()), datetime.now(UTC).isoformat(timespec="seconds"))
            self._write((*keys, made))
        return token

    def revoke(self, name: str) -> None:
        """Forget a key: who sends it is refused from now on, by a running server too.

        Raises:
            KeysError: there is none of this name, or the file cannot be read or written.
        """
        with self._writing():
            keys = self.read()
            kept = tuple(key for key in keys if key.name != name)
            if len(kept) == len(keys):
                raise KeysError(f"there is no key {name!r} in {self.path}; python -m rag keys list shows them")
            self._write(kept)

    def _writing(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_suffix(".lock"))

    def _write(self, keys: Sequence[Key]) -> None:
        text = json.dumps({"version": 1, "keys": [asdict(key) for key in keys]}, indent=1)
        new = self.path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)  # of a run that was killed here
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            raise KeysError(f"the file of keys {self.path} cannot be written: {error}") from error


def _key(one: dict[str, Any]) -> Key:
    key = Key(**one)
    right = isinstance(key.name, str) and key.role in ("read", "write") and re.fullmatch(r"[0-9a-f]{64}", key.sha256)
    if not right:
        raise ValueError(key.name)
    return key


class Keyring:
    """The keys that a server knows: those of the environment, and those of a file, which it sees change.

    ``open_without``: whether everybody may come in where there is no key. Once there was one the ring stays locked:
    taking the last key away must not open the doors.
    """

    def __init__(self, env: Sequence[str] = (), file: KeyFile | None = None, *, open_without: bool = True) -> None:
        self._env = tuple(
            Key(f"{_ENV_NAME}{number}", "write", digest(token.encode())) for number, token in enumerate(env, 1)
        )
        self._file = file
        self._of_file: tuple[Key, ...] = file.read() if file else ()  # a file that is broken at the start stops it
        self._seen = self._signature()
        self._lock = threading.Lock()
        self._locked = bool(self._env or self._of_file) or not open_without

    @property
    def is_locked(self) -> bool:
        """Whether nobody comes in without a key."""
        self._look()
        return self._locked

    def holder(self, token: bytes) -> Key | None:
        """The key that was sent; None when it is none of ours."""
        self._look()
        given = digest(token)
        found = None
        # All are compared, each in constant time: how long it takes tells nothing about which one is near.
        for key in (*self._env, *self._of_file):
            if hmac.compare_digest(given, key.sha256):
                found = key
        return found

    def _look(self) -> None:
        """Read the file again when it has changed."""
        with self._lock:
            signature = self._signature()
            if self._file is None or signature == self._seen:
                return
            self._seen = signature
            try:
                self._of_file = self._file.read()
            except KeysError as error:  # nobody of the file comes in: a key that was revoked may be among them
                log.error("%s; until then none of its keys is taken", error)
                self._of_file = ()
                self._locked = True
            self._locked = self._locked or bool(self._of_file)

    def _signature(self) -> tuple[int, int, int] | None:
        if self._file is None:
            return None
        try:
            state = self._file.path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size, state.st_ino
