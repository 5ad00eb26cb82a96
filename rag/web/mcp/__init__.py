"""The articles as tools of the Model Context Protocol: ask and search."""
