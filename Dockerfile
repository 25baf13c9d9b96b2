# One image for every process; docker-compose.yml says which one a container is.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /srv/aftercommit

# The requirements change less often than the code, so they are a layer of their own.
COPY requirements-server.lock requirements-page.lock ./
RUN pip install --require-hashes --no-deps -r requirements-server.lock \
    && pip install --require-hashes --no-deps --no-compile -r requirements-page.lock \
        --target "$(python -c 'import sys; print(sys.prefix)')/share/aftercommit/page"

COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY workers ./workers
RUN pip install --no-deps . && rm -rf app workers

RUN useradd --system --uid 10001 --user-group --no-create-home aftercommit \
    && install -d -o aftercommit -g aftercommit /var/lib/aftercommit
USER aftercommit
WORKDIR /var/lib/aftercommit
ENV AFTERCOMMIT_DATA_DIR=/var/lib/aftercommit

EXPOSE 4200
CMD ["python", "-m", "app.server", "--host", "0.0.0.0", "--port", "4200", "--grace", "5"]
