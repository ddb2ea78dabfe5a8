# One build for all four services, one small image for each: docker build --build-arg SERVICE=order-service .
# The debug symbols are kept apart: docker build --target symbols --output symbols .
# Needs BuildKit, the default of docker and compose.

# --build-arg RUST_IMAGE=rust@sha256:… pins an image by its digest.
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS builder
# librdkafka is compiled here: a C and a C++ compiler, make, and the headers of OpenSSL.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ make pkg-config libssl-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# The caches stay on the machine that builds: a change of one file does not compile every dependency again. They are locked
# because compose builds the four images at once: one build compiles, the others find the binaries.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    cargo build --release --locked --features common/jemalloc \
           -p order-service -p inventory-service -p payment-service -p orchestrator \
    && mkdir /binaries /symbols \
    && for service in order-service inventory-service payment-service orchestrator; do \
           objcopy --only-keep-debug target/release/$service /symbols/$service.debug \
           && objcopy --strip-all --add-gnu-debuglink=/symbols/$service.debug target/release/$service /binaries/$service \
           || exit 1; \
       done

# gdb and perf find them in /usr/lib/debug/usr/local/bin of a container.
FROM scratch AS symbols
COPY --from=builder /symbols /

FROM ${DEBIAN_IMAGE} AS system
# Without the package manager, and what only it and iconv use: Perl, the package index, character sets. The font is for
# Chinese, Japanese and Korean on invoices.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates fonts-droid-fallback libssl3 \
    && groupadd --system --gid 10001 service \
    && useradd --system --uid 10001 --gid service --no-create-home --shell /usr/sbin/nologin service \
    && install -d -o service -g service /var/lib/service \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /usr/bin/apt* /usr/lib/apt /usr/lib/*-linux-gnu/libapt-* \
        /usr/bin/perl* /usr/lib/*-linux-gnu/perl-base /usr/lib/*-linux-gnu/gconv

# One layer, which lacks what was removed.
FROM scratch AS runtime
COPY --from=system / /
COPY --chmod=755 scripts/docker/healthy /usr/local/bin/healthy

FROM runtime
ARG SERVICE
COPY --from=builder /binaries/${SERVICE} /usr/local/bin/${SERVICE}
# The command below knows the name at run time only.
ENV SERVICE=${SERVICE}
USER service
WORKDIR /var/lib/service
# A named volume mounted here takes over the owner.
VOLUME /var/lib/service
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=5 CMD ["healthy"]
# exec: the service itself is process 1 and gets the signals.
ENTRYPOINT ["/bin/sh", "-c", "exec \"$SERVICE\" \"$@\"", "sh"]
