#!/bin/sh
# A machine of its own, with this machine's programs: systemd as the first process, cloud-init, a root that is thrown away.
# It sees no device and no setting of the kernel but its network's; nothing that it does is seen outside.
set -eu

trees="/etc /home /opt /root /srv /usr /var"

image() { # <folder: archives/ with packages>: installs them into root/ of the folder
  # What they start is not to be started, and without its mark man-db does not spend a minute on reading all pages.
  rm -rf "$1/work"
  for tree in $trees; do
    mkdir -p "$1/root$tree" "$1/work$tree"
    mount -t overlay overlay -o "lowerdir=$tree,upperdir=$1/root$tree,workdir=$1/work$tree" "$tree"
  done
  mount -t tmpfs tmpfs /run
  rm -f /var/lib/man-db/auto-update
  dpkg --force-confold --force-unsafe-io --install "$1"/archives/*.deb
}

machine() { # <folder: seed/ for cloud-init, www/ for the web server> <Node.js> <address> <name> <image or nothing>: what lasts from boot to boot
  ip link set lo up
  ip address add 169.254.169.254/32 dev lo
  ip link add eth0 type veth peer name eth1
  ip address add "$3/24" dev eth0
  ip link set eth0 up
  ip link set eth1 up
  ip route add default via 10.99.0.1
  mount -t tmpfs -o size=4g tmpfs /mnt
  mkdir -p /mnt/machine /mnt/dev
  mount --bind "$1" /mnt/machine
  # Hidden, not removed: labs of this machine come and go there meanwhile. Overlays take this for "there is nothing of this name".
  mkdir -p /mnt/upper/var/lib
  chmod --reference=/var/lib /mnt/upper/var/lib
  mknod /mnt/upper/var/lib/meshform c 0 0
  for tree in $trees; do
    mkdir -p "/mnt/upper$tree" "/mnt/work$tree"
    chmod --reference="$tree" "/mnt/upper$tree"
    lower="${5:+$5/root$tree:}$tree"
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=/mnt/upper$tree,workdir=/mnt/work$tree" "$tree"
  done
  mount -t tmpfs -o mode=1777 tmpfs /tmp

  mount -t tmpfs -o mode=0755 tmpfs /mnt/dev
  for device in null zero full random urandom tty; do
    : > "/mnt/dev/$device"
    mount --bind "/dev/$device" "/mnt/dev/$device"
  done
  mkdir /mnt/dev/pts /mnt/dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt/dev/pts
  ln -s pts/ptmx /mnt/dev/ptmx
  ln -s /proc/self/fd /mnt/dev/fd
  mount --move /mnt/dev /dev

  echo "$4" > /etc/hostname
  # As an image from a vendor: none of this machine's services and agents, nothing booted yet.
  rm -rf /etc/systemd/system/* /etc/rc?.d/* /etc/cloud/cloud-init.disabled /var/lib/cloud /var/log/journal
  rm -rf /etc/consul.d /etc/nomad.d /etc/cni /opt/consul /opt/nomad /opt/cni
  rm -f /usr/local/bin/consul /usr/local/bin/nomad /usr/local/bin/envoy
  for unit in console-getty.service getty.target ssh.service sshd.service systemd-logind.service systemd-udevd.service; do
    ln -s /dev/null "/etc/systemd/system/$unit"
  done
  mkdir -p /etc/systemd/system/cloud-init.target.wants /var/lib/cloud/seed
  for unit in cloud-init-local cloud-init cloud-config cloud-final; do
    ln -s "/lib/systemd/system/$unit.service" /etc/systemd/system/cloud-init.target.wants/
  done
  cp -r /mnt/machine/seed /var/lib/cloud/seed/nocloud
  # Of cloud-init's modules only those that user data of ours speaks to: the others prepare disks, users and keys of a cloud.
  cat > /etc/cloud/cloud.cfg.d/99-machine.cfg <<'END'
datasource_list: [NoCloud]
network: { config: disabled }
cloud_init_modules: [write_files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_user]
END
  # Who calls by HTTPS trusts the web server.
  cat /mnt/machine/ca.pem >> /etc/ssl/certs/ca-certificates.crt
  "$2" /mnt/machine/file-server.mjs /mnt/machine/www 443 /mnt/machine/server.pem /mnt/machine/server-key.pem \
    > /mnt/machine/web.log 2>&1 &
  echo "$!" > /mnt/machine/web.pid
  "$2" /mnt/machine/metadata-service.mjs /mnt/machine/meta-data > /mnt/machine/metadata.log 2>&1 &
  : > /mnt/machine/ready
  exec sleep infinity
}

within() { # <command…>: runs it in the machine that is on
  exec nsenter --target "$(pgrep --oldest --exact systemd)" --all "$@"
}

off() { # as when the power goes
  kill -KILL "$(pgrep --oldest --exact systemd)"
}

boot() { # <control group>: one life of the machine, within what lasts
  for hierarchy in $(hierarchies); do
    mkdir -p "$hierarchy/$1"
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$hierarchy/$file" ] || cat "$hierarchy/$file" > "$hierarchy/$1/$file" || true
    done
    echo $$ > "$hierarchy/$1/cgroup.procs"
  done
  exec unshare --cgroup sh "$0" init "$(hierarchies)"
}

hierarchies() { # of control groups: one, or with cgroup v1 one for each controller
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [ -e "$hierarchy/cgroup.procs" ] && [ ! -L "$hierarchy" ] && mountpoint --quiet "$hierarchy"; then echo "$hierarchy"; fi
  done
}

init() { # <hierarchies of control groups>
  mount -t proc proc /proc
  mkdir /mnt/net
  mount --bind /proc/sys/net /mnt/net
  mount --bind /proc/sys /proc/sys
  mount -o remount,bind,ro /proc/sys
  mount --move /mnt/net /proc/sys/net
  rmdir /mnt/net
  umount --recursive --lazy /sys
  mount -t sysfs -o ro sysfs /sys
  [ "$1" = /sys/fs/cgroup ] || mount -t tmpfs -o mode=0755 tmpfs /sys/fs/cgroup
  for hierarchy in $1; do
    mkdir -p "$hierarchy"
    case "$hierarchy" in
      /sys/fs/cgroup | */unified) mount -t cgroup2 cgroup2 "$hierarchy" ;;
      */systemd) mount -t cgroup -o none,name=systemd cgroup "$hierarchy" ;;
      *) mount -t cgroup -o "${hierarchy##*/}" cgroup "$hierarchy" ;;
    esac
  done
  mount -t tmpfs -o mode=0755 tmpfs /run
  exec env -i container=meshform PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=multi-user.target --show-status=no
}

"$@"
