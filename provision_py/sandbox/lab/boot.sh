# Turns new namespaces into a host: boot.sh NAME DISK WEB PHP DATABASE -- EXPOSED...
#
# DISK holds what the host may write; its folder etc-like/upper lies over the machine's own. EXPOSED are folders of
# the machine that stay where they are. Says "mounted", waits for a line, says "ready", lives until its input ends.
set -eu
name=$1 disk=$2 web=$3 php=$4 database=$5
shift 6

step=start
trap 'status=$?; [ $status = 0 ] || echo "boot of $name failed at: $step" >&2' EXIT

# Assembled apart first: the disk itself may lie below a folder that is about to be covered.
step=mounts
merged=$disk/merged
for folder in etc var usr/local usr/sbin; do
  mkdir -p "$merged/$folder" "$disk/work/$folder" "$disk/upper/$folder"
  mount -t overlay "$name" -o "lowerdir=/$folder,upperdir=$disk/upper/$folder,workdir=$disk/work/$folder" \
    "$merged/$folder"
done
for folder in run root home srv tmp mnt media; do
  [ -d "/$folder" ] && [ ! -L "/$folder" ] || continue
  mkdir -p "$disk/own/$folder" "$merged/$folder"
  mount --bind "$disk/own/$folder" "$merged/$folder"
done
# In memory of its own, as systemd has it: a full disk must not end a server that writes its pid file anew.
mount -t tmpfs -o size=16m,mode=755 "$name-run" "$merged/run"
cp -a "$disk/own/run/." "$merged/run"
chmod 711 "$merged/root"
chmod 1777 "$merged/tmp"
# Not below the overlay, so that another host can mount a folder of it as it would by NFS.
mkdir -p "$merged/var/aegir"
mount --bind "$disk/own/aegir" "$merged/var/aegir"
for folder; do
  mkdir -p "$merged$folder"
  mount --rbind "$folder" "$merged$folder"
done
for folder in etc var usr/local usr/sbin run root home srv mnt media tmp; do
  [ ! -d "$merged/$folder" ] || mount --rbind "$merged/$folder" "/$folder"
done
mount -t proc proc /proc
hostname "$name"
ip link set lo up
echo mounted

step=network
read -r address
ip address add "$address" dev eth0
ip link set eth0 up
# A neighbour that does not answer is found out in a second instead of three.
echo 300 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms

step=sshd
/usr/sbin/sshd -E /var/log/sshd.log

step=database
if [ "$database" = yes ]; then
  mariadb-install-db --no-defaults --datadir=/var/lib/mysql --user=mysql --auth-root-authentication-method=normal \
    --skip-test-db --skip-name-resolve --innodb-flush-method=nosync --innodb-log-file-size=32M \
    >/var/log/mariadb-install.log 2>&1 || { cat /var/log/mariadb-install.log >&2; exit 1; }
  setsid mariadbd </dev/null >>/var/log/mariadb.log 2>&1 &
  mariadb=$!
fi

step=web
[ "$web" = none ] || /etc/lab/php start
[ "$web" = none ] || /etc/lab/web start

if [ "$database" = yes ]; then
  step="database server, see its log:"
  tries=0
  until [ -S /run/mysqld/mysqld.sock ]; do
    tries=$((tries + 1))
    kill -0 "$mariadb" 2>/dev/null && [ $tries -lt 600 ] || { tail -20 /var/log/mariadb.log >&2; exit 1; }
    sleep 0.05
  done
fi
echo ready

# Orphans of the host come to its first process; what is ignored needs no waiting for. A shell that reads would take
# the end of a child for the end of its input.
step=life
exec env --ignore-signal=CHLD cat >/dev/null
