# One bundled file on a base without shell or package manager:   docker build -t rgapi .
# The same with the Azure CLI, for the az login of a laptop:     docker build -t rgapi:local --target local .

# Runs on the platform of the builder, because its output is the same for all platforms.
FROM --platform=$BUILDPLATFORM node:26-slim AS build
# The bundle does not list its packages, so the SBOM generator must scan this stage too.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY rolldown.config.ts tsconfig.json compile-cache.js LICENSE ./
COPY src/ src/
RUN npm run --ignore-scripts build

# Debian's Azure CLI works on the same base and every architecture, gets Debian's security updates, and reads the logins of newer
# versions. Byte-compiling all of it takes minutes and 640 MB, so we compile only what `az account` imports.
FROM node:26-slim AS local
RUN printf '#!/bin/sh\n' > /usr/local/bin/py3compile \
  && chmod 755 /usr/local/bin/py3compile \
  && apt-get update \
  && apt-get install --yes --no-install-recommends \
    -o DPkg::Path=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin azure-cli ca-certificates \
  && rm -rf /var/lib/apt/lists/* /usr/local/bin/py3compile \
  && (AZURE_CONFIG_DIR=/tmp/az az account get-access-token 2> /dev/null || true) \
  && rm -rf /tmp/az
WORKDIR /app
COPY --from=build /build/dist/ ./
# With telemetry, `az` would leave a child process behind, which would become a zombie under PID 1.
ENV HOST=0.0.0.0 \
  AZURE_CONFIG_DIR=/azure \
  AZURE_TOKEN_CREDENTIALS=AzureCliCredential \
  AZURE_CORE_COLLECT_TELEMETRY=no
USER 65532:65532
EXPOSE 8080
LABEL org.opencontainers.image.title="rg-api (local)" \
  org.opencontainers.image.description="rg-api with the Azure CLI, for docker run with the local az login" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT"
HEALTHCHECK CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Without --disable-sigusr1, that signal would open a debugger.
ENTRYPOINT ["node", "--disable-sigusr1", "/app/main.js"]
# Empties the base image's default arguments: arguments after the image in `docker run`, such as --check, go to the service.
CMD []

# Node's compile cache from one start. It is valid only for the same Node, path and user.
FROM gcr.io/distroless/nodejs26-debian13:nonroot AS compiled
WORKDIR /app
COPY --from=build /build/dist/ /build/compile-cache.js ./
USER 65532:65532
RUN ["/nodejs/bin/node", "/app/compile-cache.js", "/tmp/compile-cache", "/app/main.js"]

FROM gcr.io/distroless/nodejs26-debian13:nonroot
WORKDIR /app
COPY --from=build /build/dist/ ./
COPY --from=compiled --chown=0:0 --chmod=755 /tmp/compile-cache/ compile-cache/
ENV HOST=0.0.0.0 \
  NODE_COMPILE_CACHE=/app/compile-cache
# Numeric, because runAsNonRoot cannot check a name.
USER 65532:65532
EXPOSE 8080
LABEL org.opencontainers.image.title="rg-api" \
  org.opencontainers.image.description="A sample workload that proves on AKS that a pod's Azure identity works, and says why when it does not" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT"
HEALTHCHECK CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is PID 1. Without --disable-sigusr1, that signal would open a debugger. New objects get 4 MB: under load that keeps
# 15 MB of memory free, and costs nothing.
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--max-semi-space-size=4", "/app/main.js"]
# Arguments after the image in `docker run`, or `args` in a manifest, go to the service, such as --check.
CMD []
