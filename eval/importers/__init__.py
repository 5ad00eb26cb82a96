"""Public question sets as articles and questions."""
