#!/bin/sh
# Unpacks Debian's nginx and Caddy into a folder of the cache. It installs nothing. Where there is no
# apt-get, it leaves no folder.
set -eu

folder=${1:?usage: scripts/proxies.sh FOLDER}

if [ ! -x "$folder/usr/sbin/nginx" ] || [ ! -x "$folder/usr/bin/caddy" ]; then
  command -v apt-get > /dev/null || exit 0
  rm -rf "$folder"
  mkdir -p "$folder/archives/partial"
  apt-get update -qq >&2
  apt-get install -qq --yes --no-install-recommends --reinstall --download-only \
    -o Dir::Cache::archives="$folder/archives" nginx caddy >&2
  for package in "$folder"/archives/*.deb; do dpkg -x "$package" "$folder"; done
  rm -rf "$folder/archives"
fi
