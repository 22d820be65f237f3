# The controller's image for whoever builds with docker, podman or buildah. `make image` builds another form of it, from
# packages, without a base to pull and without a shell; what is ours and what it depends on are the same in both.
#
#   make wheel && docker build --build-arg BASE=docker.io/library/python@sha256:… \
#     --build-arg REVISION=$(git rev-parse HEAD) --tag inplace .
#
# There is no default for the base, because a tag can move: give a Python of Debian's by its digest. The digest of today is
# what `skopeo inspect --format '{{.Digest}}' docker://docker.io/library/python:3.13-slim-bookworm` says.
ARG BASE

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY hack/image/requirements.lock dist ./
# The very wheels that make test runs with, by their hashes, and ours: nothing is built here. The models of a cluster are
# for the demo. wait-ready is there if `make wheel` had a Go to compile it with. Bytecode is written now, because later nothing can be.
RUN python -m venv /opt/inplace \
 && cd /opt/inplace && bin/pip install --no-compile --no-deps --require-hashes --only-binary :all: -r /src/requirements.lock \
 && bin/pip install --no-compile --no-deps --no-index /src/*.whl \
 && if [ -e /src/wait-ready ]; then cp /src/wait-ready bin/; fi \
 && rm -r lib/python3*/site-packages/kubesim bin/kubectl* \
 && sed -i -e '/^kubesim\//d' -e '/bin\/kubectl/d' lib/python3*/site-packages/kubectl_inplace-*.dist-info/RECORD \
 && bin/pip uninstall --yes pip setuptools \
 && bin/python -m compileall -q --invalidation-mode unchecked-hash lib \
 && bin/inplace version

FROM ${BASE}
ARG VERSION=0.1.0 REVISION= SOURCE= CREATED=
LABEL org.opencontainers.image.title="inplace" \
      org.opencontainers.image.description="Upgrades the Pods of stock Kubernetes workloads in place" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}"
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 PATH=/opt/inplace/bin:$PATH
COPY --from=build /opt/inplace /opt/inplace
WORKDIR /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opt/inplace/bin/inplace"]
CMD ["run", "--listen", "0.0.0.0:8080"]
