"""The HTTP API and the chat page: the only part of the product that knows FastAPI and Gradio."""
