# Debian 12 for its PostgreSQL 15 clients, those of the server in docker-compose.yml: what pg_restore 17 sends, an older
# server refuses.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
RUN useradd --uid 10001 --create-home gridgov && mkdir -p /data /srv/static && chown gridgov /data

# pg_dump and pg_restore, for `manage.py backup` and `restore`.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*

COPY requirements.txt .
RUN pip install -r requirements.txt

COPY . .
# Collected once, under the embedded default: no secret and no database is needed or left in the image.
RUN STATIC_ROOT=/srv/static GRIDGOV_DATA_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/build

ENV STATIC_ROOT=/srv/static \
    GRIDGOV_DATA_DIR=/data
USER gridgov
EXPOSE 8000
# Pages and API as WSGI, one request at a time in each process: threads would cost a third more processor. It wants a
# proxy before it that takes slow lines upon itself, and another service for long ones (docker-compose.yml: files).
# gunicorn takes the number of processes from WEB_CONCURRENCY.
CMD ["gunicorn", "gridgov.wsgi", "--config", "python:gridgov.gunicorn", "--bind", "0.0.0.0:8000", "--worker-class", "sync", "--timeout", "60", "--worker-tmp-dir", "/dev/shm"]
