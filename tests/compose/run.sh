#!/usr/bin/env bash
# The compose stack, built from scratch and tried for real: `make compose-test`.
#
# A Docker engine that runs already is used as it is. Where none runs, one is installed and
# started on a Debian machine as root, and stopped afterwards. Where there cannot be one the exit
# status is 77 and the reason is said; with REQUIRE_DOCKER=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=${LOOKOUT_COMPOSE_WORK:-/var/tmp/lookout-compose-test}
mkdir -p "$work"
started=""

impossible() {
    echo "compose-test: $1"
    [ "${REQUIRE_DOCKER:-0}" = 1 ] && exit 1
    exit 77
}

install_packages() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

stop_engine() {
    [ -n "$started" ] || return 0
    kill "$(cat "$work/docker.pid")" 2>/dev/null || true
    wait "$started" 2>/dev/null || true
    ip link delete docker0 2>/dev/null || true
    rm -rf "$work/data" "$work/exec"
}

start_engine() {
    [ "$(id -u)" = 0 ] || impossible "no Docker engine runs, and only root can start one"
    grep -q overlay /proc/filesystems || impossible "no Docker engine runs, and no overlayfs here"
    command -v dockerd >/dev/null || install_packages docker.io iptables iproute2 \
        || impossible "no Docker engine runs, and docker.io cannot be installed"
    dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
        -H unix:///var/run/docker.sock >"$work/dockerd.log" 2>&1 &
    started=$!
    for _ in $(seq 60); do
        docker info >/dev/null 2>&1 && return
        kill -0 "$started" 2>/dev/null || break
        sleep 0.5
    done
    tail -n 20 "$work/dockerd.log"
    started=""
    impossible "no Docker engine runs, and the one that was started does not answer"
}

# Compose 2.24 or newer; Debian 12 has 1.29, so the plugin is taken out of Debian 13's package.
bring_compose() {
    docker compose version --short 2>/dev/null | grep -Eq '^v?(2\.(2[4-9]|[3-9][0-9])|[3-9])' && return
    export DOCKER_CONFIG=$work/config
    mkdir -p "$DOCKER_CONFIG/cli-plugins" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    if [ ! -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ]; then
        local archive apt
        archive=$(apt-cache policy | sed -n 's/.* \(http[^ ]*\/debian\) .*/\1/p' | head -1)
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' \
            "$archive" >"$work/apt/sources.list"
        apt="-o Dir::Etc::sourcelist=$work/apt/sources.list -o Dir::Etc::sourceparts=/dev/null
             -o Dir::State::lists=$work/apt/lists -o Dir::Cache=$work/apt/cache -qq"
        # shellcheck disable=SC2086
        (cd "$work/apt" && apt-get $apt update && apt-get $apt download docker-compose docker-buildx) \
            || impossible "there is no Compose 2.24 or newer, and none can be had"
        for package in "$work"/apt/*.deb; do dpkg-deb -x "$package" "$work/apt/unpacked"; done
        cp "$work"/apt/unpacked/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
    fi
    docker compose version --short >/dev/null || impossible "the plugin of Compose does not run here"
}

# The usual base from a registry, or else a Debian with Python made here.
bring_base() {
    export BASE_IMAGE=${BASE_IMAGE:-python:3.11-slim-bookworm}
    docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 && return
    timeout 60 docker pull -q "$BASE_IMAGE" >/dev/null 2>&1 && return
    BASE_IMAGE=lookout-base:bookworm
    docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 && return
    echo "no registry answers: making a base image with debootstrap"
    command -v debootstrap >/dev/null || install_packages debootstrap \
        || impossible "no registry answers, and debootstrap cannot be installed"
    local archive
    archive=$(apt-cache policy | sed -n 's/.* \(http[^ ]*\/debian\) .*/\1/p' | head -1)
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$work/base" "$archive" >"$work/debootstrap.log" \
        || impossible "no registry answers, and debootstrap fails: $(tail -1 "$work/debootstrap.log")"
    rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
    # Where the network looks into TLS, its certificate is among this machine's.
    install -m644 /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    tar -C "$work/base" --numeric-owner -c . | docker import -c 'CMD ["python3"]' \
        -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - "$BASE_IMAGE" >/dev/null
    rm -rf "$work/base"
}

trap stop_engine EXIT
docker info >/dev/null 2>&1 || start_engine
bring_compose
bring_base
echo "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short), base $BASE_IMAGE"
.venv/bin/python -m pytest -m compose --timeout 900 tests/compose "$@"
