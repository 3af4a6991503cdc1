#!/bin/sh
# Unpacks Debian's packages, and what they need and this machine lacks, into a folder of the cache, once. It
# installs nothing. Where there is no apt-get, or no such package, it leaves no folder.
set -eu

usage='usage: scripts/debian.sh FOLDER PACKAGE...'
folder=${1:?$usage}
shift
: "${1:?$usage}"

if [ ! -e "$folder/.ready" ]; then
  rm -rf "$folder"
  command -v apt-get > /dev/null || exit 0
  apt-get update -qq >&2
  for package in "$@"; do apt-cache show "$package" > /dev/null 2>&1 || exit 0; done
  mkdir -p "$folder/archives/partial"
  apt-get install -qq --yes --no-install-recommends --reinstall --download-only \
    -o Dir::Cache::archives="$folder/archives" "$@" >&2
  for archive in "$folder"/archives/*.deb; do dpkg -x "$archive" "$folder"; done
  rm -rf "$folder/archives"
  touch "$folder/.ready"
fi
