"""Follow-up questions of a conversation, made to stand alone."""
