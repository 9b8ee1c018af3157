#!/bin/sh
# Creates or updates both databases of Temporal. May run at every start: what is there is left alone.
# Reads POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER and SQL_PASSWORD (the tool's own name for it).
set -eu

tool() {
    database=$1
    shift
    temporal-sql-tool --plugin postgres12 --ep "${POSTGRES_HOST:?}" -p "${POSTGRES_PORT:-5432}" \
        -u "${POSTGRES_USER:?}" --db "$database" "$@"
}

: "${SQL_PASSWORD:?}"

for database in temporal temporal_visibility; do
    tool "$database" create
    tool "$database" setup-schema -v 0.0
done
tool temporal update-schema --schema-name postgresql/v12/temporal
tool temporal_visibility update-schema --schema-name postgresql/v12/visibility
