"""Asks with LlamaIndex's client for servers like OpenAI's; prints what came as JSON.

Run with the versions of its own beside it: it does not allow the version of openai that the product needs.
"""

import asyncio
import json
import sys
from contextlib import redirect_stdout
from io import StringIO

import openai
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike


async def stream(model: OpenAILike, messages: list[ChatMessage]) -> str:
    return "".join([piece.delta or "" async for piece in await model.astream_chat(messages)])


def main(base_url: str, question: str, example: str) -> None:
    with redirect_stdout(StringIO()) as printed:
        exec(example, {})
    model = OpenAILike(model="articles", api_base=base_url, api_key="any", is_chat_model=True, max_retries=0)
    messages = [ChatMessage(role="system", content="Be kind."), ChatMessage(role="user", content=question)]
    whole = model.chat(messages)
    told = {
        "openai": openai.__version__,
        "example": printed.getvalue(),
        "content": whole.message.content,
        "citations": whole.raw.citations,
        "streamed": "".join(piece.delta or "" for piece in model.stream_chat(messages)),
        "streamed_async": asyncio.run(stream(model, messages)),
        "completed": model.complete(question).text,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
