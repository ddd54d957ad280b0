#!/bin/bash
# What a postmaster would script on the central side: sort, hash, compress, compare with the table before, sign, put in place. Does what
# `relaymap-publish publish` does with one delta instead of eight, and without its checks, with tools written in C.
# Arguments: list of addresses, signing key, output folder.
set -euo pipefail
list=$1 key=$2 out=$3
umask 027
mkdir -p "$out"
work=$(mktemp -d "$out/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT

LC_ALL=C sort -u "$list" >"$work/table"
hash=$(sha256sum <"$work/table")
hash=${hash%% *}
gzip -6 -c "$work/table" >"$work/table.gz"

# The delta: what only the table before has, and what only the new one has, in the order of the rows.
deltas=
if [[ -e $out/table ]]; then
  from=$(<"$out/hash")
  LC_ALL=C comm -3 "$out/table" "$work/table" | sed $'s/^\t/+/;t;s/^/-/' >"$work/delta"
  gzip -9 -c "$work/delta" >"$work/delta.gz"
  sum=$(sha256sum <"$work/delta")
  deltas=$(printf '{"from":"%s","bytes":%d,"sha256":"%s","wireBytes":%d}' "$from" "$(stat -c %s "$work/delta")" "${sum%% *}" \
    "$(stat -c %s "$work/delta.gz")")
fi

# The manifest: a DSSE envelope. Signed is the payload with its type, each with its length in front.
type=application/vnd.relaymap.manifest.v1+json
created=$(date -u +%FT%TZ) expires=$(date -u -d '+7 days' +%FT%TZ)
printf '{"format":1,"name":"bench","version":%d,"created":"%s","expires":"%s","tables":{"recipients":{"rows":%d,"bytes":%d,"sha256":"%s","encoding":"gzip","wireBytes":%d,"deltas":[%s]}}}' \
  "$(date +%s)" "$created" "$expires" "$(wc -l <"$work/table")" "$(stat -c %s "$work/table")" "$hash" \
  "$(stat -c %s "$work/table.gz")" "$deltas" >"$work/manifest"
{
  printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(stat -c %s "$work/manifest")"
  cat "$work/manifest"
} >"$work/signed"
openssl pkeyutl -sign -rawin -inkey "$key" -in "$work/signed" -out "$work/signature"
printf '{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"","sig":"%s"}]}' \
  "$(openssl base64 -A -in "$work/manifest")" "$type" "$(openssl base64 -A -in "$work/signature")" >"$work/envelope"

# On disk before it is named; the manifest last.
echo "$hash" >"$work/hash"
sync "$work"/*
mv "$work/table.gz" "$out/$hash.gz"
[[ -z $deltas ]] || mv "$work/delta.gz" "$out/$from-$hash.delta.gz"
mv "$work/table" "$work/hash" "$out"
mv "$work/envelope" "$out/manifest.json"
sync "$out"
