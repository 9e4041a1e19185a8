# The image of the web server, of migrations and of every other command: docker build -t serviceflow .
# A digest is a fact of your registry, so none stands here. Pin the base where you build, and PostgreSQL in docker-compose.yml alike:
#   docker buildx imagetools inspect python:3.13-slim-bookworm --format '{{.Manifest.Digest}}'
#   docker build --build-arg BASE=python:3.13-slim-bookworm@sha256:… -t serviceflow .
ARG BASE=python:3.13-slim-bookworm

# --- Build: libraries by their hashes, static files, bytecode ------------------------------------
FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
# The image itself needs no pip, so its venv gets none.
RUN python -m venv --without-pip /opt/venv
WORKDIR /app
# With Sentry and OpenTelemetry: --build-arg REQUIREMENTS=requirements-reporting.txt
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-reporting.txt ./
RUN python -m pip --python /opt/venv/bin/python install --only-binary :all: --require-hashes -r ${REQUIREMENTS}
COPY . .
# Settings refuse to start without these; none of them stays in a layer's environment.
RUN BASE_URL=http://localhost DATABASE_URL=postgresql:///none \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    /opt/venv/bin/python manage.py collectstatic --no-input \
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib /app

# --- The image: no compiler, no pip, nothing it could write to -----------------------------------
FROM ${BASE}
RUN groupadd --system --gid 10001 desk \
    && useradd --system --uid 10001 --gid desk --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin desk
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=serviceflow.settings HOST=0.0.0.0 PORT=8000
RUN install -d -o 10001 -g 10001 -m 750 /files
ENV FILES_FOLDER=/files
ARG RELEASE=
ENV RELEASE=$RELEASE
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=4)"]
CMD ["gunicorn", "--config", "python:serviceflow.gunicorn", "--worker-tmp-dir", "/dev/shm", "serviceflow.wsgi"]
