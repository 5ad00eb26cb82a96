# The app: page, API and ingest.py in one image, both encoders in it, so that it needs no network to answer.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ingest.py chat_app.py ./
COPY rag rag
COPY eval eval
RUN python -m venv /opt/articles \
 && /opt/articles/bin/pip install --no-cache-dir -c constraints.txt '.[postgres]'

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /srv/articles articles \
 && mkdir -p /data /articles \
 && chown articles:articles /data /articles
COPY --from=build /opt/articles /opt/articles
# Nothing of these but the two folders is written to.
USER articles
WORKDIR /srv/articles
ENV PATH=/opt/articles/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RAG_DATA_DIR=/data \
    RAG_ARTICLES=/articles \
    RAG_HOST=0.0.0.0 \
    RAG_PORT=7860
VOLUME ["/data", "/articles"]
EXPOSE 7860
# Longer than the first indexing of some thousand articles takes: until it is done nobody is answered.
HEALTHCHECK --interval=15s --timeout=5s --start-period=600s --retries=4 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
# A stop lets answers that are under way come to their end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "chat_app"]
