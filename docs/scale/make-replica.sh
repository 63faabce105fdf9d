#!/bin/sh
# Makes a streaming replica of PRIMARY (a connection URI with the right to replicate) in the empty folder DATA.
# The slot makes the primary keep what the replica has yet to fetch, within max_slot_wal_keep_size.
set -eu
"${BIN:-/usr/lib/postgresql/15/bin}/pg_basebackup" --dbname "$PRIMARY" --pgdata "$DATA" \
    --wal-method stream --checkpoint fast --create-slot --slot "${SLOT:-sitrep_replica}" --write-recovery-conf
