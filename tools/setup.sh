#!/usr/bin/env bash
# Installs the system packages that the tests call and this machine lacks. Needs root only if something is missing.
set -euo pipefail
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("${2:-$1}"); }
need cc build-essential
need git
need curl
need node nodejs
need npm
need python3
need chromium
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
# Other people's XMPP servers and clients, which tests start on ports and folders of their own.
need prosody
[ -n "$(find /usr/lib/*/ejabberd-* -maxdepth 0 2>/dev/null)" ] || missing+=(ejabberd erlang-p1-sqlite3)
[ -n "$(find /usr/lib/*/lua -name lunbound.so 2>/dev/null)" ] || missing+=(lua-unbound)
need profanity
need tmux
[ -x /usr/sbin/nft ] || need nft nftables
need cargo "Rust (https://rustup.rs)"
[ "${#missing[@]}" -eq 0 ] && exit 0
printf 'missing: %s\n' "${missing[*]}"
for package in "${missing[@]}"; do
    case "$package" in Rust*) echo "install $package first" >&2; exit 3 ;; esac
done
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "install these packages as root: ${missing[*]}" >&2; exit 3; }
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
# Debian starts a server when its package is installed, unless this policy says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
        case "$package" in prosody | ejabberd) "${as_root[@]}" systemctl disable --quiet "$package" ;; esac
    done
fi
