#!/usr/bin/env bash
# Builds the image of a packed file, runs it as its users do, and says its size: `.ci/packaging/try-image.sh PACKAGE.tgz`. As root on Debian, with buildah,
# podman, runc and debootstrap. No registry of images is asked: for the one that the Dockerfile begins with stands Debian's smallest system with this checkout's
# Node. Ends with 1 where the image is not built, does not prove itself on a root that is read-only, or does not end in good order by a
# signal. Where the machine lets no container run, it says so; test/package.test.ts tries the same without an engine.
set -euo pipefail
package=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
storage=(--storage-driver vfs --root "$work/store" --runroot "$work/run")
finish() {
  podman "${storage[@]}" rm --all --force > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

base=$(sed -n 's/^FROM \([^ ]*\)$/\1/p' .ci/packaging/Dockerfile)
debian=$(sed 's/.*:[0-9.]*-\([a-z]*\).*/\1/' <<< "$base")
fail() {
  echo "image: $1" >&2
  exit 1
}

debootstrap --variant=minbase "$debian" "$work/root" > "$work/log" || { tail "$work/log"; fail "no Debian $debian"; }
cp -L "$(npx node -p process.execPath)" "$work/root/usr/local/bin/node"
chroot "$work/root" useradd --uid 1000 --create-home node
printf 'FROM scratch\nADD root /\n' > "$work/base"
buildah "${storage[@]}" build --isolation chroot --quiet -f "$work/base" -t "docker.io/library/$base" "$work" > /dev/null
mkdir "$work/context"
cp "$package" "$work/context"
buildah "${storage[@]}" build --isolation chroot --pull-never --quiet -f .ci/packaging/Dockerfile \
  --build-arg "PACKAGE=$(basename "$package")" -t millrace "$work/context" > /dev/null
size() { podman "${storage[@]}" image inspect "$1" --format '{{.Size}}'; }
echo "image: built; $((($(size localhost/millrace) - $(size "$base")) / 1000)) KB more than the image that it begins with"

# Low limits of its own: the engine would raise them, which a sandbox may refuse.
run=(podman "${storage[@]}" --runtime runc --cgroup-manager cgroupfs run --rm --network host --ulimit nofile=4096:4096 --ulimit nproc=4096:4096)
run+=(--read-only --tmpfs /tmp --tmpfs /data:mode=1777)
if ! "${run[@]}" --entrypoint node localhost/millrace -e 0 2> "$work/log"; then
  echo "image: not run, this machine lets no container run: $(tail -1 "$work/log")"
  exit 0
fi

"${run[@]}" --cpus 1 --memory 1g localhost/millrace demo --json --quiet > "$work/report"
npx node -e '
  const { proof, scanner } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  if (proof.missing + proof.foreign + Number(scanner !== "native") !== 0) process.exit(1);
' "$work/report" || fail 'its demo does not prove itself'

"${run[@]}" --name "millrace-$$" localhost/millrace demo --keep --json > "$work/kept" 2> "$work/log" &
until [ -s "$work/kept" ]; do
  kill -0 $! 2> /dev/null || fail "ended before its report: $(tail -1 "$work/log")"
  sleep 0.2
done
podman "${storage[@]}" stop --time 25 "millrace-$$" > /dev/null
wait $! && code=0 || code=$?
[ "$code" = 143 ] || fail "ended with $code after SIGTERM, not with 143: $(tail -1 "$work/log")"
grep -q 'SIGTERM: finishing' "$work/log" || fail 'did not say that it ends in good order'
echo 'image: proves itself on a root that is read-only, as user 1000, with one core and 1 GiB; ends in good order by SIGTERM'
