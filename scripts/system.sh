#!/bin/sh
# system.sh PACKAGE…: installs Debian packages when this may be done (root, apt-get); otherwise fails quietly.
set -eu
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 1
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null || exit 1
exec apt-get install -y -qq --no-install-recommends "$@" >/dev/null
