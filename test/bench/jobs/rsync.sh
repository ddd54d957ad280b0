#!/bin/bash
# What a postmaster would script for a change: rsync of the two text maps from the central side, over a pipe in place of ssh, and
# postmap. Arguments: folder of the central side, folder of the gateway.
set -euo pipefail
central=$1 maps=$2
umask 027
mkdir -p "$maps"
# rsync gives host and command to what stands in for ssh; the host is this one.
shell=$maps/.here
printf '#!/bin/sh\nshift\nexec "$@"\n' >"$shell"
chmod 700 "$shell"
rsync --compress --times --stats --rsh="$shell" "here:$central/" "$maps/" --include='relay_*' --exclude='*' --dirs
# Beside the live maps and then into their place, as postmap alone would not.
for name in relay_recipients relay_domains; do ln -f "$maps/$name" "$maps/.$name"; done
postmap "cdb:$maps/.relay_recipients" "cdb:$maps/.relay_domains"
sync "$maps"/relay_* "$maps"/.relay_*.cdb
for name in relay_recipients relay_domains; do mv "$maps/.$name.cdb" "$maps/$name.cdb"; done
rm "$maps/.relay_recipients" "$maps/.relay_domains"
sync "$maps"
