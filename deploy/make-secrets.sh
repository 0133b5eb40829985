#!/bin/sh
# Makes the passwords that docker-compose.yml reads, once: those that are there stay as they are.
# They have letters and digits only, so that they can stand in URLs and in Redis' configuration.
set -eu
umask 077
cd "$(dirname "$0")/secrets"

# The folder keeps other people of this machine out. The files themselves are readable, because each
# container mounts its own under a user that this machine may not know.
chmod 0700 .
for name in postgres_password copyline_password redis_password; do
  if [ ! -s "$name" ]; then
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$name.new"
    mv "$name.new" "$name"
    echo "made deploy/secrets/$name"
  fi
  chmod 0444 "$name"
done
