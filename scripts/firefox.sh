#!/bin/sh
# Unpacks Debian's Firefox ESR, and what it needs and this machine lacks, into a folder of the cache, and
# prints the program's path. It installs nothing. Where there is no apt-get, it prints nothing.
set -eu

folder=${1:?usage: scripts/firefox.sh FOLDER}
program=$folder/usr/lib/firefox-esr/firefox-esr

if [ ! -x "$program" ]; then
  command -v apt-get > /dev/null || exit 0
  rm -rf "$folder"
  mkdir -p "$folder/archives/partial"
  apt-get update -qq >&2
  apt-get install -qq --yes --no-install-recommends --reinstall --download-only \
    -o Dir::Cache::archives="$folder/archives" firefox-esr >&2
  for package in "$folder"/archives/*.deb; do dpkg -x "$package" "$folder"; done
  rm -rf "$folder/archives"
fi
echo "$program"
