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
label=com.docker.compose.project=lookout-test
engine=""

impossible() {
    echo "compose-test: $1"
    [ "${REQUIRE_DOCKER:-0}" = 1 ] && exit 1
    exit 77
}

install_packages() {
    [ "$(id -u)" = 0 ] || return 1
    timeout 120 apt-get update -qq || return 1
    DEBIAN_FRONTEND=noninteractive timeout 300 \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

archive() {
    apt-cache policy | sed -n 's/.* \(http[^ ]*\/debian\) .*/\1/p' | head -1
}

# Of Debian 13, whose programs run on 12 too: unpacked beside the system, not installed.
unpack_newer() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' \
        "$(archive)" >"$work/apt/sources.list"
    local apt="apt-get -o Dir::Etc::sourcelist=$work/apt/sources.list -o Dir::Etc::sourceparts=/dev/null
               -o Dir::State::lists=$work/apt/lists -o Dir::Cache=$work/apt/cache -qq"
    # shellcheck disable=SC2086
    (cd "$work/apt" && rm -f ./*.deb && timeout 60 $apt update \
        && timeout 120 $apt download "${@/%//trixie}") || return 1
    for package in "$work"/apt/*.deb; do dpkg-deb -x "$package" "$work/newer" || return 1; done
}

# Compose 2.24 or newer; Debian 12 has 1.29.
bring_compose() {
    command -v docker >/dev/null || install_packages docker.io iptables iproute2 \
        || impossible "there is no Docker, and docker.io cannot be installed"
    docker compose version --short 2>/dev/null | grep -Eq '^v?(2\.(2[4-9]|[3-9][0-9])|[3-9])' && return
    export DOCKER_CONFIG=$work/config
    mkdir -p "$DOCKER_CONFIG/cli-plugins"
    if [ ! -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ]; then
        unpack_newer docker-compose docker-buildx \
            || impossible "there is no Compose 2.24 or newer, and none can be had"
        cp "$work"/newer/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
    fi
    docker compose version --short >/dev/null || impossible "the plugin of Compose does not run here"
}

# For the tests of files, which are skipped where these are missing.
bring_checkers() {
    export PATH=$PATH:$work/newer/usr/bin:$work/venv/bin
    command -v kubectl >/dev/null && command -v promtool >/dev/null \
        || unpack_newer kubectl promtool || echo "no kubectl or promtool to be had"
    if ! command -v kubernetes-validate >/dev/null; then
        { .venv/bin/python -m venv "$work/venv" \
            && timeout 120 "$work/venv/bin/python" -m pip install -q kubernetes-validate; } \
            || echo "kubernetes-validate cannot be installed"
    fi
}

start_engine() {
    [ "$(id -u)" = 0 ] || impossible "no Docker engine runs, and only root can start one"
    grep -q overlay /proc/filesystems || impossible "no Docker engine runs, and no overlayfs here"
    command -v dockerd >/dev/null || impossible "no Docker engine runs, and there is no dockerd"
    # Should this script be killed, the engine stops too.
    setpriv --pdeathsig TERM dockerd --data-root "$work/data" --exec-root "$work/exec" \
        --pidfile "$work/docker.pid" -H unix:///var/run/docker.sock >"$work/dockerd.log" 2>&1 &
    engine=$!
    for _ in $(seq 60); do
        timeout 5 docker info >/dev/null 2>&1 && return
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.5
    done
    tail -n 5 "$work/dockerd.log"
    impossible "no Docker engine runs, and the one that was started does not answer"
}

remove_containers() {
    # shellcheck disable=SC2046
    timeout 30 docker rm -fv $(timeout 10 docker ps -aq --filter "label=$label" 2>/dev/null) \
        >/dev/null 2>&1 || true
}

clean_up() {
    trap '' INT TERM HUP
    set +e # what cannot be tidied changes nothing about what was found
    remove_containers
    [ -n "$engine" ] || return 0
    kill "$engine" 2>/dev/null
    for _ in $(seq 60); do kill -0 "$engine" 2>/dev/null || break; sleep 0.5; done
    kill -9 "$engine" 2>/dev/null
    wait "$engine" 2>/dev/null
    ip link delete docker0 2>/dev/null
    umount -l "$work/data" 2>/dev/null # it binds that to itself
    rm -rf "$work/data" "$work/exec"
}

# Whether a container of $BASE_IMAGE runs here, as health checks run in it, and gets packages; else
# the reason is in $why.
builds() {
    why=$(timeout 60 docker run -d --rm --workdir /opt --label "$label" "$BASE_IMAGE" sleep 180 2>&1) \
        && why=$(timeout 120 docker exec "$(tail -1 <<<"$why")" sh -c \
            'python3 -m venv /tmp/v && /tmp/v/bin/pip download -q --no-deps -d /tmp msgspec' 2>&1) \
        && remove_containers && return
    why=$(tail -1 <<<"$why")
    remove_containers
    return 1
}

# The usual base from a registry, or else a Debian with Python made here.
bring_base() {
    export BASE_IMAGE=${BASE_IMAGE:-python:3.11-slim-bookworm}
    if timeout 60 docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 \
        || timeout 120 docker pull -q "$BASE_IMAGE" >/dev/null 2>&1; then
        builds && return
        echo "$BASE_IMAGE is of no use here: $why"
    fi
    BASE_IMAGE=lookout-base:bookworm
    docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 || make_base
    builds || impossible "an image cannot be built here: $why"
}

make_base() {
    echo "making a base image with debootstrap"
    command -v debootstrap >/dev/null || install_packages debootstrap \
        || impossible "no base image can be fetched, and debootstrap cannot be installed"
    rm -rf "$work/base"
    timeout 400 debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$work/base" "$(archive)" >"$work/debootstrap.log" 2>&1 \
        || impossible "no base image can be fetched, and debootstrap fails: $(tail -1 "$work/debootstrap.log")"
    rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
    # Where the network looks into TLS, its certificate is among this machine's.
    if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
        install -m644 /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    fi
    tar -C "$work/base" --numeric-owner -c . | timeout 120 docker import -c 'CMD ["python3"]' \
        -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - "$BASE_IMAGE" >/dev/null \
        || impossible "no base image can be fetched, and the one made here cannot be imported"
    rm -rf "$work/base"
}

trap clean_up EXIT
trap 'exit 143' INT TERM HUP
bring_compose
bring_checkers
.venv/bin/python -m pytest -m compose tests/compose/test_files.py
timeout 10 docker info >/dev/null 2>&1 || start_engine
bring_base
echo "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short), base $BASE_IMAGE"
.venv/bin/python -m pytest -m compose --timeout 600 tests/compose/test_compose.py tests/compose/test_trouble.py "$@"
