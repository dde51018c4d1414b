# Everything that is fetched is named by its hash: the image here, the packages in verifier/requirements*.txt.
# How the digests are moved on: CONTRIBUTING.md, "Releases".
FROM python:3.13-slim@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6 AS build
WORKDIR /src
COPY verifier/requirements.txt verifier/requirements-build.txt verifier/
RUN python -m venv /opt/verifier \
    && /opt/verifier/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r verifier/requirements.txt
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r verifier/requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY specs/examples specs/examples
COPY verifier verifier
COPY clients clients
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/verifier/bin/pip install --no-index --no-deps /dist/*.whl

FROM python:3.13-slim@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6
RUN useradd --system --uid 10001 verifier && install -d -o verifier /data
COPY --from=build /opt/verifier /opt/verifier
ENV PATH=/opt/verifier/bin:$PATH \
    VERIFIER_KEY_RING=/data/ring.json \
    VERIFIER_LISTEN=0.0.0.0:8080 \
    VERIFIER_ADMIN_LISTEN=0.0.0.0:8081
USER verifier
WORKDIR /data
VOLUME /data
EXPOSE 8080 8081
ENTRYPOINT ["verifier"]
CMD ["serve"]
