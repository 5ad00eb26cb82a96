"""A language model behind a server: asked over the OpenAI protocol, within limits, and never trusted to end well."""
