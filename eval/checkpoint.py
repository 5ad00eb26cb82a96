"""What keeps a run that was stopped: each case is written as soon as it is done, and a later run goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from eval.dataset import DatasetError
from eval.records import Json, Record, from_json, to_json

UNFINISHED = "unfinished.jsonl"


class Checkpoint:
    """The file of an unfinished run: a line that says what the run is, then one a case."""

    def __init__(self, folder: Path, file: IO[str]) -> None:
        self._folder = folder
        self._file = file

    @classmethod
    def start(cls, folder: Path, plan: Mapping[str, Any]) -> Checkpoint:
        """Begin a run in a folder, which is made if need be.

        Raises:
            DatasetError: a run was begun there and is not finished.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / UNFINISHED).exists():
            raise DatasetError(
                f"{folder}: a run was stopped here; go on with `python -m eval run --resume {folder}`, "
                f"or delete {folder / UNFINISHED} to begin anew"
            )
        made = cls(folder, _open(folder, "w"))
        made._write(dict(plan))
        return made

    @classmethod
    def go_on(cls, folder: Path) -> Checkpoint:
        """Go on with the run that was begun in a folder."""
        return cls(folder, _open(folder, "a"))

    def keep(self, record: Record) -> None:
        """Write what became of a case; it is on the disk when this returns."""
        self._write(to_json(record))

    def close(self) -> None:
        """Let go of the file, which stays for a later run to go on."""
        self._file.close()

    def done(self) -> None:
        """The run is finished and its results are written."""
        self.close()
        (self._folder / UNFINISHED).unlink(missing_ok=True)

    def _write(self, value: Json) -> None:
        # Begun on a new line, so that half a line left by a crash spoils itself alone.
        self._file.write("\n" + json.dumps(value, ensure_ascii=False))
        self._file.flush()


def _open(folder: Path, mode: str) -> IO[str]:
    # A lone surrogate in a question cannot be written as UTF-8, but as the escape that JSON has for it.
    return (folder / UNFINISHED).open(mode, encoding="utf-8", errors="backslashreplace")


def load(folder: Path) -> tuple[Json, dict[str, Record]]:
    """What was planned in a folder, and the records that are done, by the id of their case.

    Raises:
        DatasetError: nothing was begun there, or its first line is spoilt.
    """
    file = folder / UNFINISHED
    try:
        lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
        plan: Json = json.loads(lines[0])
    except (OSError, ValueError, IndexError) as error:
        raise DatasetError(f"{file}: there is no run to go on with here ({type(error).__name__})") from error
    records = [record for line in lines[1:] if (record := _record(line))]
    return plan, {record.case.id: record for record in records}


def _record(line: str) -> Record | None:
    try:
        return from_json(json.loads(line))
    except (ValueError, KeyError, TypeError):  # cut off by whatever stopped the run; the case is asked again
        return None
