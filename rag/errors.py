"""Errors meant to be read by the person who meets them: what happened, with which value, what to do."""


class RagError(Exception):
    """Base of everything the product raises on purpose."""


class SettingsError(RagError):
    """A setting is unknown, malformed or unsafe. Raised at start; the message names the variable."""


class KeysError(RagError):
    """The file of API keys can't be read or written, or a key of this name can't be made. The message says why."""


class ArticleError(RagError):
    """A file cannot be read as an article. The run goes on without it and reports it."""


class IndexMismatchError(RagError):
    """The index was made by another embedder, chunker or version. The message says what to run."""


class LockedError(RagError):
    """Another process owns the index. The message names its pid."""


class BackupError(RagError):
    """No backup could be made, or one can't be restored. The message says why, and what is there was left as it is."""


class LibraryError(RagError):
    """An article can't be kept or put away. The message says why, and nothing was lost."""


class UnknownArticleError(LibraryError):
    """No article with this id is indexed. The message says where the ids are listed."""


class ForeignArticleError(LibraryError):
    """An article was indexed from elsewhere than the folder of articles. The message names its file."""


class DenseIndexError(RagError):
    """Chroma can't be built or reached. Nothing is lost: the search goes on without it meanwhile."""


class WorkersError(RagError):
    """The processes that are to read files can't be had. The message says why; without them one process reads."""


class EmbeddingError(RagError):
    """The embedding model failed or answered with something that is no vector.

    ``words`` are those of the message that are the server's own: they may repeat what was to be embedded, and stay out
    of the log.
    """

    def __init__(self, message: str, *, words: str = "") -> None:
        super().__init__(message)
        self.words = words


class ChatModelError(RagError):
    """The server of a language model failed, or sent something that is no reply. Another call may do better.

    ``text`` is what came of the reply before. ``by_server``: the server failed, not the question put to it; this is
    what opens a circuit. ``words`` are those of the message that are the server's own: they often repeat the question,
    and stay out of the log.
    """

    def __init__(self, message: str, text: str = "", *, by_server: bool = False, words: str = "") -> None:
        super().__init__(message)
        self.text = text
        self.by_server = by_server
        self.words = words


class ChatModelSetupError(ChatModelError):
    """The address, the key or the name of a language model is wrong: no call could do better."""


class ReplyError(ChatModelError):
    """A language model's reply was cut off, refused or empty. ``text`` is what there is of it."""


class CutOffError(ReplyError):
    """A language model's reply reached the limit of tokens. ``text`` is what there is of it."""


class CancelledReplyError(ReplyError):
    """Whoever asked for a reply no longer wants it. ``text`` is what there is of it."""


class QuestionError(RagError):
    """A question asks for something that this installation does not have. The message names it."""


class FeedbackError(RagError):
    """The file of answers and ratings can't be read or written. The message names it; answers go on without it."""


class UnknownAnswerError(RagError):
    """A rating is for an answer that is not kept. The message says what to do."""


class StoreError(RagError):
    """The index, or the folder it lies in, can't be read or written. The message says why and what to do; ``said`` is
    what may be told to whoever asks a question, with no paths."""

    said = "the articles cannot be read right now; the log says why. Try again in a moment"


class DamagedError(StoreError):
    """The file of the index is damaged. The message names the command that makes it anew from the articles."""

    said = "the index is damaged; whoever looks after it must run `python ingest.py --rebuild`"


class DatabaseError(StoreError):
    """PostgreSQL, where it is used, fails or can't be reached. The message says where it is and why, and holds no
    password. Nothing is lost: what was not written whole was not written."""
