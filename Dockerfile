# The controller's image: two stages, no compiler and no pip cache in the second, a numeric user without a home,
# nothing written to the root filesystem at run time (manifests/ mount it read-only).
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/inplace
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY inplace ./inplace
# The very versions that make test runs with; bytecode is written now, because later nothing can be.
RUN /opt/inplace/bin/pip install --constraint constraints.txt --compile . \
 && /opt/inplace/bin/pip uninstall --yes pip \
 && /opt/inplace/bin/inplace version

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="inplace" \
      org.opencontainers.image.description="Upgrades the Pods of stock Kubernetes workloads in place" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/inplace/bin:$PATH
COPY --from=build /opt/inplace /opt/inplace
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opt/inplace/bin/inplace"]
CMD ["run", "--listen", "0.0.0.0:8080"]
