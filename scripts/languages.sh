#!/bin/sh
# Makes FOLDER/bin with `go`, `php` and a `ruby` that has Rails, as far as this machine lacks them: Debian's, which
# scripts/debian.sh unpacks into FOLDER, each behind a script that tells it where it is. It installs nothing, and
# says what is not to be had.
set -eu

folder=${1:?usage: scripts/languages.sh FOLDER}
scripts=$(dirname "$0")
mkdir -p "$folder/bin"
export PATH="$folder/bin:$PATH"

# unpack NAME PACKAGE...: the script that runs NAME comes from standard input. In it, $root is where it is.
unpack() {
  name=$1
  shift
  "$scripts/debian.sh" "$folder/$name" "$@"
  if [ ! -d "$folder/$name" ]; then
    echo "languages.sh: $name is not installed, and there is no Debian package of it here" >&2
    return
  fi
  { printf '#!/bin/sh\nroot=%s\n' "$folder/$name" && cat; } > "$folder/bin/$name.new"
  chmod +x "$folder/bin/$name.new"
  mv "$folder/bin/$name.new" "$folder/bin/$name"
}

go version > /dev/null 2>&1 || unpack go golang-go << 'END'
GOROOT=$root/usr/lib/go exec "$root/usr/lib/go/bin/go" "$@"
END

php --version > /dev/null 2>&1 || unpack php php-cli << 'END'
export LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu)
exec "$(ls "$root"/usr/bin/php[0-9]*)" "$@"
END

ruby -e 'require "rails"; require "puma"' > /dev/null 2>&1 || unpack ruby ruby-railties puma << 'END'
export LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu)
list() { for path in "$@"; do if [ -d "$path" ]; then printf '%s:' "$path"; fi; done; }
export GEM_PATH=$(list "$root"/usr/share/rubygems-integration/* \
  "$root"/usr/lib/*-linux-gnu/rubygems-integration/* "$root"/usr/lib/ruby/gems/*)
export RUBYLIB=$(list "$root"/usr/lib/ruby/vendor_ruby "$root"/usr/lib/*-linux-gnu/ruby/vendor_ruby/3* \
  "$root"/usr/lib/ruby/3* "$root"/usr/lib/*-linux-gnu/ruby/3*)
exec "$(ls "$root"/usr/bin/ruby[0-9]*)" "$@"
END
