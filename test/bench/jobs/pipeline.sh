#!/bin/bash
# What a postmaster would script: fetch, verify, unpack, check, make both maps, put them in place. Does what `relaymap fetch` does
# from empty, with tools written in C. Arguments: base URL, CA file, public key, state folder, map folder.
set -euo pipefail
url=$1 ca=$2 key=$3 state=$4 maps=$5
umask 027
mkdir -p "$state" "$maps"
work=$(mktemp -d "$maps/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
get() { curl --silent --show-error --fail --proto =https --cacert "$ca" --output "$2" "$url$1"; }

# The manifest: a DSSE envelope. Signed is the payload with its type, each with its length in front.
get manifest.json "$work/envelope"
member() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p' "$2"; }
type=application/vnd.relaymap.manifest.v1+json
[[ $(member payloadType "$work/envelope") == "$type" ]]
member payload "$work/envelope" | openssl base64 -d -A >"$work/manifest"
member sig "$work/envelope" | openssl base64 -d -A >"$work/signature"
{
  printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(stat -c %s "$work/manifest")"
  cat "$work/manifest"
} >"$work/signed"
openssl pkeyutl -verify -rawin -pubin -inkey "$key" -sigfile "$work/signature" -in "$work/signed" >"$work/verdict"

# The table: its name and its hash are in the manifest. The hash of the text is the proof.
hash=$(sed -n 's/.*"recipients": *{[^[]*"sha256": *"\([0-9a-f]\{64\}\)".*/\1/p' "$work/manifest")
[[ -n $hash ]]
get "recipients/$hash.gz" "$work/table.gz"
gunzip -c "$work/table.gz" >"$work/table"
echo "$hash  $work/table" | sha256sum --check --quiet

# The maps. mawk reads bytes; the domains come out sorted as the table is.
LC_ALL=C awk -F@ -v recipients="$work/relay_recipients" '
  { print $0 "\tOK" >recipients }
  !($NF in seen) { seen[$NF]; print $NF "\tOK" }
' "$work/table" | LC_ALL=C sort >"$work/relay_domains"
postmap "cdb:$work/relay_recipients" "cdb:$work/relay_domains"

# On disk before it is named; recipients before domains. The table is kept as the last good copy.
sync "$work"/relay_* "$work/table.gz" "$work/envelope"
mv "$work/table.gz" "$state/$hash.gz"
mv "$work/envelope" "$state/manifest.json"
for name in relay_recipients relay_recipients.cdb relay_domains relay_domains.cdb; do mv "$work/$name" "$maps/$name"; done
sync "$state" "$maps"
