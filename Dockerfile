# The service on a PostgreSQL of yours (DATABASE_URL); the embedded one is not in the image.
FROM node:24-slim AS frontend
WORKDIR /build/frontend
COPY frontend .
RUN npm ci && npm run build

FROM python:3.13-slim AS docs
WORKDIR /build
COPY requirements/docs.lock requirements/
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements/docs.lock
COPY zensical.toml ./
COPY docs docs
RUN zensical build --strict

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/service.lock requirements/
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/service.lock
COPY pyproject.toml setup.py README.md LICENSE ./
COPY app app
COPY alembic alembic
COPY clients/python clients/python
COPY --from=frontend /build/app/static app/static
COPY --from=docs /build/app/static/docs app/static/docs
# docker build --build-arg SOURCE_COMMIT="$(git rev-parse HEAD)" .
ARG SOURCE_COMMIT
RUN /opt/venv/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation \
      --wheel-dir app/static/clients ./clients/python \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps app/static/clients/activity_events-*.whl \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ACTIVITY_LOG_FORMAT=json \
    PORT=8000
RUN useradd --system --uid 10001 --no-create-home activity
WORKDIR /srv
COPY --from=build /opt/venv /opt/venv
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=2)"]
# It refuses to listen beyond loopback until there is a key: ACTIVITY_ADMIN_KEYS, or one that
# `activity-events keys create` made in its database.
CMD ["activity-events", "serve", "--host", "0.0.0.0"]
