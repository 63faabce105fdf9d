# The image of Sitrep: built in one stage, run in another that has no package installer's leftovers.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/tools \
    && /opt/tools/bin/pip install --only-binary=:all: --require-hashes -r requirements-build.lock \
    && python3 -m venv --without-pip /opt/sitrep \
    && /opt/tools/bin/pip --python /opt/sitrep/bin/python install --only-binary=:all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/tools/bin/pip --python /opt/sitrep/bin/python install --no-deps /tmp/wheel/*.whl
COPY container/start container/health.py /opt/sitrep/bin/
RUN chmod 0755 /opt/sitrep/bin/start && /opt/sitrep/bin/python -m compileall -q /opt/sitrep

FROM ${BASE}
LABEL org.opencontainers.image.title="Sitrep" \
      org.opencontainers.image.description="A live, queryable event feed for armed conflict and its diplomacy" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/sitrep /opt/sitrep
RUN groupadd --gid 10001 sitrep \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin sitrep \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
ENV PATH=/opt/sitrep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SITREP_DATABASE_URL=sqlite:////data/sitrep.db \
    SITREP_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python3", "/opt/sitrep/bin/health.py"]
ENTRYPOINT ["/opt/sitrep/bin/start"]
CMD ["serve"]
