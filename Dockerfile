FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY specs/examples specs/examples
COPY verifier verifier
COPY clients clients
RUN python -m venv /opt/verifier && /opt/verifier/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.13-slim
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
