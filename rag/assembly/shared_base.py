"""What an index of several machines stands on: PostgreSQL, and a Chroma server or a Chroma of each machine's own."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

from rag.assembly.folder import OWNER_LOCK
from rag.maintenance.evidence import Evidence
from rag.maintenance.evidence_postgres import reading
from rag.search.ownership import Ownership
from rag.storage.database import Database, DatabaseLock
from rag.storage.locks import Lock, NoLock, OwnerLock
from rag.storage.postgres import PostgresStore
from rag.storage.shared_feedback import SharedFeedback
from rag.storage.truth import Truth


class DatabaseBase:
    """See Base."""

    is_shared = True

    def __init__(self, url: str, folder: Path, chroma_url: str | None) -> None:
        self._database = Database(url)
        self._shares_chroma = chroma_url is not None
        self.folder_lock: Lock = NoLock() if self._shares_chroma else OwnerLock(folder / OWNER_LOCK)

    def open_store(self) -> Truth:
        """See Base."""
        return PostgresStore(self._database)

    def open_for_rebuild(self, stamp: dict[str, str]) -> tuple[Truth, list[Path], Path | None]:
        """See Base; empty if it was made by another version or embedder."""
        store = PostgresStore(self._database)
        try:
            roots = [*dict.fromkeys(file.root for file in store.files())]
            if store.stamp() != stamp:
                store.start_over(roots)  # nobody can be reading it
        except BaseException:
            store.close()
            raise
        return store, [Path(root) for root in roots if Path(root).is_dir()], None

    def unfinished(self) -> list[Path]:
        """See Base."""
        with self._database.connection() as db:
            row = db.execute("SELECT value FROM rag_meta WHERE key = 'rebuilding'").fetchone()
        return [Path(root) for root in json.loads(row["value"]) if Path(root).is_dir()] if row else []

    def finish(self) -> None:
        """See Base."""
        with self._database.connection() as db:
            db.execute("DELETE FROM rag_meta WHERE key = 'rebuilding'")

    def evidence(self) -> AbstractContextManager[Evidence]:
        """See Base."""
        return reading(self._database)

    def lock(self, name: str) -> Lock:
        """See Base."""
        return DatabaseLock(self._database, name)

    def ownership(self, store: Truth) -> Ownership | None:
        """See Base."""
        return Ownership(store, self.lock(OWNER_LOCK)) if self._shares_chroma else None

    def open_feedback(self) -> SharedFeedback:
        """See Base."""
        return SharedFeedback(self._database)
