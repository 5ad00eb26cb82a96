"""Errors meant to be read by the person who meets them: what happened, with which value, what to do."""


class RagError(Exception):
    """Base of everything the product raises on purpose."""


class SettingsError(RagError):
    """A setting is unknown, malformed or unsafe. Raised at start; the message names the variable."""


class ArticleError(RagError):
    """A file cannot be read as an article. The run goes on without it and reports it."""


class IndexMismatchError(RagError):
    """The index was made by another embedder, chunker or version. The message says what to run."""


class LockedError(RagError):
    """Another process owns the index. The message names its pid."""


class DenseIndexError(RagError):
    """Chroma can't be built or reached. Nothing is lost: exact search answers from the truth meanwhile."""


class EmbeddingError(RagError):
    """The embedding model failed or answered with something that is no vector."""


class QuestionError(RagError):
    """A question asks for something that this installation does not have. The message names it."""
