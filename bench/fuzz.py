"""Odd inputs to all that takes some from outside: ``make fuzz``. Nothing may crash, answer 5xx, hang or swell.

python bench/fuzz.py [INPUTS] [SEED]     100,000 where none is named; the same seed makes the same inputs

Half of the inputs are real ones, mutated; the others are made of what parsers stumble over.
"""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.errors import ArticleError
from rag.ingesting.uploads import Incoming, UploadLimits, unpack
from rag.reading.articles import parse_article
from rag.reading.chunking import chunk
from rag.reading.decoding import decode
from rag.settings import load_settings
from rag.web.api import create_api

ROOT = Path(__file__).parent.parent
INPUTS = 100_000
DEADLINE = 20.0  # seconds of work for one input; the machine may be busy with more than this
SHARES = {"parser": 60, "upload": 20, "ask": 12, "completions": 8}  # of a hundred inputs
LONGEST = 20_000
PIECES = (
    *(
        "---\n",
        "\n---\n",
        "title: ",
        "url: https://a.example/",
        "tags: [",
        "&a [*a]",
        "!!python/object:x ",
        "\t",
        "\r\n",
        "\r",
    ),
    *(
        "# ",
        "## Q&A\n",
        "**Who?**\n",
        "Answer: ",
        "问与答\n",
        "答：",
        "- ",
        "> ",
        "1. ",
        "```\n",
        "<!-- ",
        "-->",
        "[//]: # (",
        "](",
        "![",
        "[1]",
    ),
    *(
        "Source: ",
        "来源：",
        "Quelle: ",
        "http://",
        "javascript:",
        "<script>",
        "&#x0;",
        "$$",
        "\\",
        "\x00",
        "\x0b",
        "\x1b[31m",
        "\x85",
        "\u2028",
    ),
    *(
        "\u202e",
        "\u200b",
        "\ufeff",
        "\U000e0041",
        "\ufe0f",
        "🚀",
        "👩‍👩‍👧",
        "é",
        "e\u0301",
        "ﬀ",
        "Ａ",
        "ß",
        "İ",
        "大桥",
        "全长",
        "。",
        "！",
        "“",
        "”",
        "…",
    ),
    *(
        "2024-05-21",
        "21. Mai 2024",
        "5月21日",
        "1,000",
        "1.000,5",
        "十亿",
        "$1bn",
        "%",
        "99999999999999999999",
        "-0",
        "1e999",
        "NaN",
    ),
    *(
        "Kund*innen",
        "z. B. ",
        "U.S. ",
        "Dr. ",
        "v. Chr. ",
        "The ",
        "bridge ",
        "ist ",
        "nicht ",
        "?",
        "*",
        "_",
        "`",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "|",
        "<",
        ">",
    ),
)


class Fuzzer:
    """Makes inputs out of real ones and of pieces."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._real = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "articles").glob("*.md"))]

    def text(self, longest: int = LONGEST) -> str:
        """A text of at most so many characters, or a few more."""
        dice = self._random
        if dice.random() < 0.5:
            real = dice.choice(self._real)
            start = dice.choice((0, dice.randrange(len(real))))
            return self._mutated(real[start : start + dice.randrange(1, longest)])
        made = "".join(dice.choice(PIECES) * dice.choice((1, 1, 1, 2, 40)) for _ in range(dice.randrange(1, 120)))
        return made[:longest]

    def _mutated(self, text: str) -> str:
        dice = self._random
        for _ in range(dice.randrange(1, 12)):
            at = dice.randrange(len(text) + 1)
            end = min(len(text), at + dice.choice((0, 1, 3, 30, 300)))
            new = dice.choice(
                (
                    "",
                    dice.choice(PIECES),
                    text[at:end] * 2,
                    chr(dice.choice((dice.randrange(0xD800), dice.randrange(0xE000, 0x110000)))),
                )
            )
            text = text[:at] + new + text[end:]
        return text

    def data(self) -> bytes:
        """Bytes: a text in some encoding, some of them spoiled."""
        dice = self._random
        encoding = dice.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "gb18030", "cp1252", "big5", "latin-1"))
        spoiled = bytearray(self.text().encode(encoding, "replace"))
        for _ in range(dice.choice((0, 0, 0, 1, 20))):
            if spoiled:
                spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        return bytes(spoiled)

    def archive(self) -> bytes:
        """A zip archive, often a broken one."""
        dice, packed = self._random, io.BytesIO()
        with zipfile.ZipFile(packed, "w", dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for number in range(dice.randrange(0, 6)):
                entry = zipfile.ZipInfo(
                    dice.choice((f"{number}.md", f"../{number}.md", "a\x00b.md", "x.zip", self.text(40) or "x"))
                )
                entry.external_attr = dice.choice((0, 0o120777 << 16))
                archive.writestr(entry, self.data()[:2000])
        spoiled = bytearray(packed.getvalue())
        for _ in range(dice.choice((0, 0, 1, 5))):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        return bytes(spoiled[: dice.choice((len(spoiled), dice.randrange(len(spoiled) + 1)))])

    def name(self) -> str:
        """The name of a file."""
        return self._random.choice(
            (
                "a.md",
                "b.txt",
                "c.zip",
                "d.html",
                "e.json",
                "f.jsonl",
                "g.rss",
                "h.pdf",
                f"{self.text(60)}.md",
                self.text(300),
                "../../x.md",
                ".",
                "",
            )
        )

    def value(self, depth: int = 0) -> Any:
        """A JSON value of any kind."""
        dice = self._random
        kind = dice.randrange(9 if depth < 4 else 7)
        if kind == 7:
            return [self.value(depth + 1) for _ in range(dice.randrange(4))]
        if kind == 8:
            return {
                dice.choice(("question", "role", "content", "type", "text", self.text(10))): self.value(depth + 1)
                for _ in range(dice.randrange(4))
            }
        return (None, True, dice.randrange(-5, 5), 10 ** dice.randrange(30), -0.5, self.text(60), self.text(3000))[kind]

    def spoiled(self, body: dict[str, Any]) -> bytes:
        """A body as JSON, some of its fields of another kind, or not quite JSON."""
        dice = self._random
        for _ in range(dice.choice((0, 0, 1, 2))):
            body[dice.choice([*body, "extra"])] = self.value()
        sent = json.dumps(body, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
        if dice.random() < 0.15:
            at = dice.randrange(len(sent))
            sent = sent[:at] + self.text(5).encode("utf-8", "replace") + sent[at + dice.randrange(3) :]
        return sent

    def ask(self) -> bytes:
        """A body for /api/ask."""
        turns = [
            {"role": self._random.choice(("user", "assistant")), "content": self.text(300)}
            for _ in range(self._random.randrange(3))
        ]
        body: dict[str, Any] = {"question": self.text(200), "history": turns, "top_k": self._random.randrange(1, 12)}
        body |= self._random.choice(
            ({}, {"filters": {"lang": ["de"]}}, {"filters": {"date_from": self.text(12)}}, {"stream": True})
        )
        return self.spoiled(body)

    def completions(self) -> bytes:
        """A body for /v1/chat/completions."""
        messages = [
            {"role": role, "content": self.text(200)}
            for role in self._random.choices(("system", "user", "assistant"), k=2)
        ]
        return self.spoiled({"model": "articles", "messages": [*messages, {"role": "user", "content": self.text(200)}]})


class Target:
    """What is fuzzed: each method takes one input and raises where it does what it must not."""

    def __init__(self, client: TestClient, fuzzer: Fuzzer) -> None:
        self._client = client
        self._fuzzer = fuzzer

    def parser(self) -> str:
        """A file, its article and passages, whose offsets must hold."""
        try:
            text, _ = decode(self._fuzzer.data())
            article = parse_article(text, "x", "x.md")
        except ArticleError:
            return "refused"
        for made in chunk(article):
            passage = made.passage
            assert text[passage.start : passage.end] == passage.text
            assert all(text[span.start : span.end] == span.text for span in made.sentences)
        return "parsed"

    def upload(self) -> str:
        """Files as they are uploaded: nothing that is kept has a name that leads elsewhere."""
        name = self._fuzzer.name()
        data = self._fuzzer.archive() if name.endswith(".zip") else self._fuzzer.data()
        found = unpack([(name, data)], UploadLimits(max_bytes=2**20, max_files=20))
        kept = [one for one in found if isinstance(one, Incoming)]
        assert all("/" not in one.file and one.file.isprintable() for one in kept), kept
        return "kept" if kept else "refused"

    def ask(self) -> str:
        """A question to the native route."""
        return self._posted("/api/ask", self._fuzzer.ask())

    def completions(self) -> str:
        """A question as OpenAI's clients ask."""
        return self._posted("/v1/chat/completions", self._fuzzer.completions())

    def _posted(self, path: str, body: bytes) -> str:
        response = self._client.post(path, content=body, headers={"content-type": "application/json"})
        assert response.status_code < 500, f"{response.status_code} {response.text[:200]} for {body[:2000]!r}"
        if "text/event-stream" in response.headers.get("content-type", ""):
            assert "event: error" not in response.text, f"{response.text[:300]} for {body[:2000]!r}"
        return str(response.status_code)


def fuzz(inputs: int, seed: int, told: Callable[[str], object] = print) -> Counter[str]:
    """Send so many inputs; how each ended. Raises at the first that ends as it must not."""
    ended: Counter[str] = Counter()
    kinds = random.Random(seed).choices(list(SHARES), list(SHARES.values()), k=inputs)
    with _target(seed) as target:
        for number, kind in enumerate(kinds):
            if number in (min(1000, inputs // 10), inputs // 2):
                told(f"{number} inputs, {_megabytes():.0f} MB held")
            started = time.process_time()
            try:
                ended[f"{kind}: {getattr(target, kind)()}"] += 1
            except BaseException:
                told(f"input {number} of seed {seed} ({kind})")
                raise
            took = time.process_time() - started
            assert took < DEADLINE, f"input {number} of seed {seed} ({kind}) took {took:.1f} s"
    return ended


@contextmanager
def _target(seed: int) -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), embed_model="local-fast")
        run_ingest(settings, [ROOT / "articles"])
        assistant = open_assistant(settings)
        try:
            yield Target(TestClient(create_api(assistant), raise_server_exceptions=True), Fuzzer(seed))
        finally:
            assistant.close()


def _megabytes() -> float:
    """What the process holds now; where the system does not tell, the most that it held."""
    now = Path("/proc/self/statm")
    if now.exists():
        return int(now.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Print how the inputs ended and what memory was taken."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    started = time.process_time()
    ended = fuzz(inputs, seed)
    print(f"{inputs} inputs, {_megabytes():.0f} MB held at the end, {time.process_time() - started:.0f} s of work")
    for what, count in sorted(ended.items()):
        print(f"{what}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
