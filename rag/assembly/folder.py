"""What lies in the data folder."""

STORE_FILE = "articles.sqlite3"  # the truth
FEEDBACK_FILE = "feedback.sqlite3"  # answers and what people said of them
REMOVED = "removed"  # articles that were taken out
INGEST_LOCK = "ingest.lock"  # whoever has it may change the truth
OWNER_LOCK = "owner.lock"  # whoever has it keeps Chroma in line with the truth
REFINE_LOCK = "refine.lock"  # whoever has it reads the passages a second time
