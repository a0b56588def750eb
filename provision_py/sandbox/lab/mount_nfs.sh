#!/bin/sh
# mount.nfs HOST:FOLDER TARGET [-o OPTIONS]: mounts what another host of the lab exports, as far as that is below
# /var/aegir. No NFS is spoken; the folder is the same one, which is what clients of a server see as well.
set -eu
source=$1 target=$2
server=${source%%:*} folder=${source#*:}
name=$(awk -v server="$server" '{ for (i = 1; i <= NF; i++) if ($i == server) { print $NF; exit } }' /etc/hosts)
disk=$(cat /etc/lab/disks)/$name
if [ -z "$name" ] || [ ! -d "$disk" ]; then
  echo "mount.nfs: Failed to resolve server $server" >&2
  exit 32
fi
if ! awk -v folder="$folder/" '$1 !~ /^#/ && NF > 1 && index(folder, $1 "/") == 1 { found = 1 } END { exit !found }' \
  "$disk/upper/etc/exports"; then
  echo "mount.nfs: access denied by server while mounting $source" >&2
  exit 32
fi
case $folder in
/var/aegir | /var/aegir/*) exec mount --bind "$disk/own/aegir${folder#/var/aegir}" "$target" ;;
esac
echo "mount.nfs: $source is not below /var/aegir, which is all that hosts of a lab share" >&2
exit 32
