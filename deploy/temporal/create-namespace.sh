#!/bin/sh
# Creates the namespace unless it is there; TEMPORAL_RETENTION says how long closed cases stay visible.
# Reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, as every Temporal client does.
set -eu

: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}"
retention=${TEMPORAL_RETENTION:-2160h}

attempts=30
until temporal operator cluster health >/dev/null 2>&1; do
    attempts=$((attempts - 1))
    if [ "$attempts" -eq 0 ]; then
        echo "Temporal at $TEMPORAL_ADDRESS does not answer: look at the log of the server." >&2
        exit 1
    fi
    sleep 1
done

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
fi
