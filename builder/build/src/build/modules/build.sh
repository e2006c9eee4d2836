# Runs in the throw-away tree, as its root: builds every DKMS source there for the kernel $1, and puts
# what the builder wants into /anklume-modules/out. A source that cannot be built is no error here: its
# name is in `failed`, the code of dkms in `code`, and what it wrote in `log`.
set -eu
kernel=$1
out=/anklume-modules/out
updates=/usr/lib/modules/$kernel/updates/dkms
mkdir -p "$out/modules" "$out/index" "$updates"
cp /var/lib/dpkg/status "$out/status"
rm -f /etc/dkms/no-autoinstall

# dkms would sign with a key that it makes up, and no two builds would be the same.
mkdir -p /etc/dkms/framework.conf.d
echo 'sign_file="/nonexistent"' >/etc/dkms/framework.conf.d/anklume.conf

for conf in /usr/src/*/dkms.conf; do
    [ -e "$conf" ] || continue
    source=${conf%/dkms.conf}
    name=$(basename "$source")
    code=0
    { dkms add "$source" && dkms build "${name%%-[0-9]*}/${name#"${name%%-[0-9]*}"-}" -k "$kernel"; } \
        >"$out/log" 2>&1 </dev/null || code=$?
    if [ "$code" -ne 0 ]; then
        echo "$name" >"$out/failed"
        echo "$code" >"$out/code"
        find /var/lib/dkms -name make.log -exec cat {} + >>"$out/log"
        exit 0
    fi
done

# Uncompressed: the file system compresses them, and a signature is made of the plain file.
for built in /var/lib/dkms/*/*/"$kernel"/*/module/*; do
    name=$(basename "$built")
    case $name in
    *.ko) cp "$built" "$updates/$name" ;;
    *.ko.xz) xz -d -c "$built" >"$updates/${name%.xz}" ;;
    *.ko.zst) zstd -q -d -c "$built" >"$updates/${name%.zst}" ;;
    *.ko.gz) gzip -d -c "$built" >"$updates/${name%.gz}" ;;
    esac
done
for module in "$updates"/*.ko; do
    [ -e "$module" ] || continue
    # The descriptions of types for tracers (BTF) are made by several threads, in any order.
    strip --strip-debug --remove-section=.BTF --remove-section=.BTF.base "$module"
    cp "$module" "$out/modules"
done
depmod -a "$kernel"
cp /usr/lib/modules/"$kernel"/modules.* "$out/index"
