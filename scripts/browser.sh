#!/bin/sh
# Prints the path of a browser of Debian's packages, which scripts/debian.sh unpacks into a folder of the cache.
# Where there is no such package, it prints nothing.
set -eu

package=${1:?usage: scripts/browser.sh PACKAGE FOLDER}
folder=${2:?usage: scripts/browser.sh PACKAGE FOLDER}
program=$folder/usr/lib/$package/$package

"$(dirname "$0")/debian.sh" "$folder" "$package"
if [ -x "$program" ]; then echo "$program"; fi
