"""The encoder: texts in, vectors out, freed of their language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from rag.encoders.e5.graph import build
from rag.encoders.e5.weights import Floats, Weights, unpack
from rag.encoders.embedding import Matrix, unit
from rag.encoders.turns import Turns
from rag.types import Lang

MEANS = Path(__file__).parent / "means.npz"  # made by centring.py
# Longer texts are cut before they are tokenised: no sentence is longer, and a hostile one must not take seconds.
MAX_CHARACTERS = 4000
# Texts of like length in one pass, for which a question that comes meanwhile waits. 512 are up to a fifth faster.
BATCH_TOKENS = 128
THREADS = 2  # two cores are what a small machine has

Ids = list[int]


class E5Encoder:
    """multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text Embeddings"): 384 dimensions, no network.

    It prefers texts in the question's language so strongly that a Chinese question would never find an English
    passage. From every vector the mean vector of its language and side (question or passage) is therefore taken
    away; the means come from neutral parallel text (see centring.py). Vectors have length one.
    """

    model_name = "multilingual-e5-small"
    dimension = 384

    def __init__(self, weights: Path, *, centred: bool = True) -> None:
        self._weights = Weights(weights)
        self._turns = Turns()  # two passes at once would only fight over the cores
        self._means = dict(np.load(MEANS)) if centred else {}

    def question(self, text: str, lang: Lang) -> Matrix:
        """The vector of a question: shape (dimensions,)."""
        (states,) = self._states([self._ids("query: ", [text])[0]])
        vector: Matrix = self._centred(states.mean(axis=0, keepdims=True), f"query-{lang}")[0]
        return vector

    def read(self, texts: Sequence[Sequence[str]], lang: Lang) -> list[tuple[Matrix, Matrix]]:
        """Texts of one or more parts (sentences of a passage, clauses of a sentence): of each its vector, shape
        (dimensions,), and that of each part as it is understood in the text, shape (parts, dimensions).

        The latter are means over the part's tokens after one pass over all (late chunking, Günther et al. 2024).
        A text longer than the encoder takes is encoded in pieces of whole parts.
        """
        pieces = [list(self._pieces(parts)) for parts in texts]
        states = iter(self._states([ids for of_one in pieces for ids, _ in of_one]))
        key, found = f"passage-{lang}", []
        for of_one in pieces:
            own = [(next(states), spans) for _, spans in of_one]
            whole = np.sum([s.sum(axis=0) for s, _ in own], axis=0, keepdims=True)
            contexts = np.array([s[a:b].mean(axis=0) for s, spans in own for a, b in spans])
            found.append((self._centred(whole, key)[0], self._centred(contexts, key)))
        return found

    def _pieces(self, parts: Sequence[str]) -> Iterator[tuple[Ids, list[tuple[int, int]]]]:
        """Token ids and the span of each part in them, of as many parts at a time as fit."""
        at = 0
        while at < len(parts):
            ids, lengths = self._ids("passage: ", parts[at:])
            spans = list(pairwise(accumulate(lengths)))
            fitting = [(a, b) for a, b in spans if b < len(ids)] or [(spans[0][0], len(ids) - 1)]
            yield [*ids[: fitting[-1][1]], self._weights.vocabulary.end], fitting
            at += len(fitting)

    def _ids(self, side: str, parts: Sequence[str]) -> tuple[Ids, list[int]]:
        """Start, side, parts and end as token ids, cut to what the encoder takes; and how many each but the end has,
        start and side as one."""
        vocabulary = self._weights.vocabulary
        found: list[Ids] = [[vocabulary.start, *self._tokenize(side.strip())]]
        most, count = self._weights.sizes.positions - 1, len(found[0])
        for part in parts:
            found.append(self._tokenize(part) or [vocabulary.unknown])
            count += len(found[-1])
            if count > most:
                break
        flat = [i for ids in found for i in ids]
        return [*flat[:most], vocabulary.end], [len(ids) for ids in found]

    def _tokenize(self, text: str) -> Ids:
        # Lone surrogates can't be encoded.
        clean = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
        ids: Ids = self._tokenizer.encode(clean.translate(self._weights.vocabulary.replace)).ids
        return ids

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        vocabulary = self._weights.vocabulary
        tokenizer = Tokenizer(models.Unigram(vocabulary.pieces, unk_id=vocabulary.unknown, byte_fallback=False))
        tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
        return tokenizer

    @cached_property
    def _session(self) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        # A thread that spins while it waits takes a core from whoever else has work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Where a processor has no 8-bit dot products (VNNI), sums of two products overflow 16 bits unless this is set.
        options.add_session_config_entry("session.x64quantprecision", "1")
        options.log_severity_level = 3
        return ort.InferenceSession(build(self._weights), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tables(self) -> tuple[npt.NDArray[np.void], Floats]:
        """The packed words, and what is added to a word at each position."""
        width = self._weights.sizes.width
        positions = self._weights.floats("emb.pos").reshape(-1, width)
        return self._weights.words(), positions + self._weights.floats("emb.type")[:width]

    def _states(self, texts: Sequence[Ids]) -> list[Floats]:
        """The last layer's state of every token: for each text an array of shape (its tokens, dimensions)."""
        found: dict[int, Floats] = {}
        for batch in _batches(texts):
            with self._turns:
                states = self._pass([texts[i] for i in batch])
            found |= dict(zip(batch, states, strict=True))
        return [found[i] for i in range(len(texts))]

    def _pass(self, texts: Sequence[Ids]) -> list[Floats]:
        words, positions = self._tables
        lengths = np.array([len(ids) for ids in texts], dtype=np.int32)
        tokens = np.zeros((len(texts), int(lengths.max()), self.dimension), dtype=np.float32)
        for row, ids in zip(tokens, texts, strict=True):
            row[: len(ids)] = unpack(words[ids]) + positions[: len(ids)]
        (states,) = self._session.run(None, {"tokens": tokens, "lengths": lengths})
        return [of_text[:length] for of_text, length in zip(states, lengths, strict=True)]

    def _centred(self, vectors: Floats, key: str) -> Matrix:
        return unit(unit(vectors) - self._means[key]) if self._means else unit(vectors)


def _batches(texts: Sequence[Ids]) -> Iterator[list[int]]:
    """Indices of texts to be encoded together: of like length, since all are filled up to the longest."""
    batch: list[int] = []
    for i in sorted(range(len(texts)), key=lambda i: len(texts[i])):
        if batch and len(texts[i]) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
