# One bundled file on a base without shell or package manager:   docker build -t rgapi .
# The same with the Azure CLI, for the az login of a laptop:     docker build -t rgapi:local --target local .

# On the platform of the builder, whatever the image is for: what it makes is the same for all.
FROM --platform=$BUILDPLATFORM node:26-slim AS build
# One bundled file names no packages: the SBOM of the image has to look here as well.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY rolldown.config.ts tsconfig.json compile-cache.js LICENSE ./
COPY src/ src/
RUN npm run --ignore-scripts build

# The Azure CLI of Debian: on the same base, for every architecture, with Debian's security updates; it reads the login of any
# newer one. To byte-compile all of it takes minutes and 640 MB, so that only what `az account` imports is compiled.
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
# Without telemetry `az` leaves no child behind, which would become a zombie under PID 1.
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
ENTRYPOINT ["node", "/app/main.js"]
# Instead of that of the base: what follows the image in `docker run` are arguments of the service, such as --check.
CMD []

# What Node compiles at a start, for the next one to take from there: good for this very Node, path and user.
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
# Numeric, or runAsNonRoot could not tell that it is not root.
USER 65532:65532
EXPOSE 8080
LABEL org.opencontainers.image.title="rg-api" \
  org.opencontainers.image.description="A sample workload that proves on AKS that a pod's Azure identity works, and says why when it does not" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT"
HEALTHCHECK CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is PID 1. New objects get 4 MB: under load that keeps 15 MB of memory free, and costs nothing.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=4", "/app/main.js"]
# What follows the image in `docker run`, or `args` in a manifest, are arguments of the service, such as --check.
CMD []
