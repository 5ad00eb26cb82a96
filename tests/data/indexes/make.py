"""Make the index that the tests of upgrades open, by ``PYTHONPATH=. python tests/data/indexes/make.py``.

Run once for each format, before the version that brings the next one; what is there is never made anew.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PLACE = "/articles"  # where its articles are said to lie, rather than where they lay on the machine that made it


def main() -> int:
    """Write ``schema-N.sqlite3.gz`` beside this file."""
    os.environ["RAG_EMBED_MODEL"] = "local-fast"
    from rag.assembly.folder import STORE_FILE  # noqa: PLC0415  reads the environment
    from rag.assembly.ingest import run_ingest  # noqa: PLC0415  reads the environment
    from rag.settings import load_settings  # noqa: PLC0415
    from rag.storage.truth import SCHEMA_VERSION  # noqa: PLC0415

    target = HERE / f"schema-{SCHEMA_VERSION}.sqlite3.gz"
    if target.exists():
        sys.exit(f"{target.name} is there already")
    with tempfile.TemporaryDirectory() as folder:
        articles = HERE / "articles"
        report = run_ingest(load_settings(data_dir=Path(folder)), [articles])
        assert not report.failed, report.failed
        with sqlite3.connect(Path(folder) / STORE_FILE) as db:
            for table in ("articles", "files"):
                columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
                for column in columns & {"path", "root"}:
                    db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(articles), PLACE))
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("VACUUM")
        db.close()
        target.write_bytes(gzip.compress((Path(folder) / STORE_FILE).read_bytes(), mtime=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
