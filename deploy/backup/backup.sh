#!/usr/bin/env bash
# backup.sh DIRECTORY: dumps the database into a new file, checks it, and keeps the newest KEEP (14).
#
# Needs the settings of operator/migrate.env in its environment. Its files contain encrypted secrets,
# which are of use only with the key ring: back up /etc/swapgate apart from them.
set -euo pipefail
umask 077

directory=${1:?usage: backup.sh DIRECTORY}
keep=${KEEP:-14}
[[ $keep =~ ^[1-9][0-9]*$ ]] || { echo "KEEP is not a number above 0: $keep" >&2; exit 1; }
url=${SWAPGATE_DATABASE_DIRECT_URL:-${SWAPGATE_DATABASE_URL:?is not set: run this with operator/migrate.env}}

# The password gets into the environment, which other users cannot read, instead of the command line
login=${url#*://}
login=${login%%@*}
if [[ $login == *:* ]]; then
  password=${login#*:}
  printf -v PGPASSWORD '%b' "${password//%/\\x}"
  export PGPASSWORD
  url=${url/":$password@"/"@"}
fi

mkdir -p "$directory"
exec 9> "$directory/.lock"
flock --nonblock 9 || { echo "another backup is running" >&2; exit 1; }
name=swapgate-$(date -u +%Y%m%dT%H%M%SZ).dump
unfinished=$directory/.unfinished
trap 'rm -f "$unfinished"' EXIT

# A migration holds its locks for seconds: rather fail than have everything behind it wait
pg_dump --format=custom --lock-wait-timeout=60s --no-password --file="$unfinished" --dbname="$url"
tables=$(pg_restore --list "$unfinished" | grep -c ' TABLE DATA ')
pg_restore --file=- "$unfinished" > /dev/null
sync "$unfinished"
(cd "$directory" && mv .unfinished "$name" && sha256sum "$name" > "$name.sha256")

mapfile -t files < <(find "$directory" -maxdepth 1 -name 'swapgate-*.dump' | sort --reverse)
for file in "${files[@]:$keep}"; do
  rm -- "$file" "$file.sha256"
done
echo "$directory/$name: $tables tables"
