#!/usr/bin/env bash
# What a container engine does to a process, without one: a root that cannot be written, with Node, its libraries and the package in it and nothing
# else; a number that has no account; the process is the first of its own; /tmp and /data are empty and in memory. As root:
#   unshare --mount --pid --fork --kill-child test/packaging/container.sh FOLDER NODE PACKAGE ARGUMENTS...
# FOLDER becomes the root.
set -euo pipefail
root=$1 node=$2 package=$3
shift 3
mkdir -p "$root"/{bin,proc,dev,tmp,data,opt/millrace}
cp -L "$node" "$root/bin/node"
for library in $(ldd "$node" | grep -o '/[^ )]*'); do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$package" "$root/opt/millrace"
mount -o remount,bind,ro "$root/opt/millrace"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o uid=54321,gid=54321,mode=700 tmpfs "$root/data"
mount -o remount,bind,ro "$root"
chroot=$(command -v chroot)
exec env -i PATH=/bin "$chroot" --userspec=54321:54321 "$root" /bin/node --single-threaded-gc /opt/millrace/src/bin.mjs "$@"
