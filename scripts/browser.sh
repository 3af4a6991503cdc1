#!/bin/sh
# Unpacks a browser of Debian's packages, and what it needs and this machine lacks, into a folder of the
# cache, and prints the program's path. It installs nothing. Where there is no such package, it prints nothing.
set -eu

package=${1:?usage: scripts/browser.sh PACKAGE FOLDER}
folder=${2:?usage: scripts/browser.sh PACKAGE FOLDER}
program=$folder/usr/lib/$package/$package

if [ ! -x "$program" ]; then
  command -v apt-get > /dev/null || exit 0
  rm -rf "$folder"
  mkdir -p "$folder/archives/partial"
  apt-get update -qq >&2
  apt-cache show "$package" > /dev/null 2>&1 || exit 0
  apt-get install -qq --yes --no-install-recommends --reinstall --download-only \
    -o Dir::Cache::archives="$folder/archives" "$package" >&2
  for archive in "$folder"/archives/*.deb; do dpkg -x "$archive" "$folder"; done
  rm -rf "$folder/archives"
fi
echo "$program"
