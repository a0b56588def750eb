#!/bin/sh
# mount.nfs HOST:FOLDER TARGET [-o OPTIONS]: mounts what another host of the lab exports to this one, as far as that is below
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
exports="$disk/upper/etc/exports $(find "$disk/upper/etc/exports.d" -name '*.exports' 2>/dev/null)" || :
own=$(awk -v name="$(hostname)" '{ for (i = 2; i <= NF; i++) if ($i == name) { print; exit } }' /etc/hosts)
# shellcheck disable=SC2086 # a word for each file
if ! awk -v folder="$folder/" -v own=" $own " '
  $1 !~ /^#/ && index(folder, $1 "/") == 1 {
    for (i = 2; i <= NF; i++) {
      client = $i
      sub(/[(].*/, "", client)
      # Networks are that of the lab.
      if (client ~ "/" || index(own, " " client " ")) found = 1
    }
  }
  END { exit !found }' $exports; then
  echo "mount.nfs: access denied by server while mounting $source" >&2
  exit 32
fi
case $folder in
/var/aegir | /var/aegir/*) exec mount --bind "$disk/own/aegir${folder#/var/aegir}" "$target" ;;
esac
echo "mount.nfs: $source is not below /var/aegir, which is all that hosts of a lab share" >&2
exit 32
