# The program in a small image that runs as nobody in particular.
#
#     docker build -t tailrace --build-arg REVISION="$(git rev-parse --short=12 HEAD)" .
#     docker run --rm -v tailrace-results:/results tailrace race --rounds 1
#     docker run --rm -p 127.0.0.1:7070:7070 -p 127.0.0.1:7071:7071 tailrace serve http1-memory \
#         --open --trust-network --ingest 0.0.0.0:7070 --observer 0.0.0.0:7071
#
# A race measures best outside of containers: their network adds a bridge and an address
# translation. There is no Redis inside: give the address of one as TAILRACE_REDIS_URL.
# What the image holds, all of it: the program, Chart.js for its pages, and Debian's base.

ARG RUST=rust:1.95-slim-bookworm
ARG NODE=node:22-bookworm-slim
ARG BASE=debian:bookworm-slim

FROM ${RUST} AS build
WORKDIR /src
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
COPY pipelines pipelines
COPY fake-producers fake-producers
COPY loadgen loadgen
COPY dashboard dashboard
COPY experiments experiments
COPY contestants contestants
COPY xtask xtask
COPY lab lab
# Without the history in here git cannot tell; results say which program made them.
ARG REVISION=
ENV TAILRACE_REVISION=${REVISION}
# The caches stay with the builder, so that a second build compiles only what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package tailrace \
    && install -D target/release/tailrace /out/tailrace

FROM ${NODE} AS chart
WORKDIR /dashboard
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE}
# The folders that volumes are mounted on: a new volume takes over owner and mode from here.
RUN groupadd --gid 10001 tailrace \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin tailrace \
    && install --directory --owner=tailrace --group=tailrace --mode=0755 /results /site \
    && install --directory --owner=tailrace --group=tailrace --mode=0700 /keys /data
COPY --from=chart /dashboard/node_modules/chart.js/LICENSE.md /usr/share/tailrace/chart.js.LICENSE.md
COPY --from=chart /dashboard/node_modules/chart.js/dist/chart.umd.min.js /usr/share/tailrace/
COPY --from=build /out/tailrace /usr/local/bin/tailrace
ENV TAILRACE_CHART_JS=/usr/share/tailrace/chart.umd.min.js \
    TAILRACE_RESULTS=/results
USER 10001:10001
WORKDIR /
EXPOSE 7070 7071
# SIGTERM drains a server and ends a producer with its report.
STOPSIGNAL SIGTERM
# `tailrace health` is what a health check calls; there is none here, because `race` has no health.
ENTRYPOINT ["tailrace"]
