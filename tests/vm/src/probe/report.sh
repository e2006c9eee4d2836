# Prints what the boot test wants to know on the serial console, and powers the machine off.
# Run by systemd as a unit that came with the virtual machine; see probe.rs.

# Standard input as a JSON string, without its last line end. Control characters other than line
# ends and tabs are dropped.
quote() {
    printf '"'
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' | tr -d '\000-\011\013-\037\177' |
        sed -e ':join' -e '$!{N;b join' -e '}' -e 's/\n/\\n/g' | tr -d '\n'
    printf '"'
}

# The first line of a file as a JSON string; null without the file.
first_line() {
    if [ -r "$1" ]; then head -n 1 "$1" | quote; else printf null; fi
}

# The lines of standard input as a JSON list of strings.
list() {
    separator=
    while read -r line; do
        printf '%s' "$separator"
        printf '%s\n' "$line" | quote
        separator=,
    done
}

# The assignments of an os-release file on standard input as the members of a JSON object.
assignments() {
    separator=
    while IFS='=' read -r name value; do
        case $name in
        '' | '#'*) continue ;;
        esac
        value=${value#[\"\']}
        printf '%s"%s":' "$separator" "$name"
        printf '%s\n' "${value%[\"\']}" | quote
        separator=,
    done
}

# What is mounted on / last: the device and its type.
root=$(grep ' / ' /proc/mounts | tail -n 1)
root_source=${root%% *}
root_fstype=$(printf '%s' "$root" | cut -d ' ' -f 3)
dm=/sys/dev/block/$(mountpoint -d /)/dm

timeout 300 systemctl is-system-running --wait >/dev/null
# A machine that is being set up by an answer file.
for _ in $(seq 300); do
    [ -e /run/anklume/unattended ] || break
    sleep 1
done
report=$(
    printf '{"root_source":%s,' "$(printf '%s' "$root_source" | quote)"
    printf '"root_fstype":%s,' "$(printf '%s' "$root_fstype" | quote)"
    printf '"dm_name":%s,' "$(first_line "$dm/name")"
    printf '"dm_uuid":%s,' "$(first_line "$dm/uuid")"
    printf '"boot":%s,' "$(cat /run/anklume/boot.json 2>/dev/null || echo null)" | tr -d '\n'
    printf '"failed_units":[%s],' \
        "$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | list)"
    printf '"os_release":{%s},' "$(assignments </etc/os-release)"
    printf '"kernel":%s,' "$(uname -r | quote)"
    printf '"uptime_s":%s,' "$(cut -d ' ' -f 1 /proc/uptime)"
    printf '"analyze":%s,' "$(systemd-analyze time 2>&1 | quote)"
    if command -v incus >/dev/null; then
        printf '"incus":%s}' "$(timeout 300 incus version 2>&1 | quote)"
    else
        printf '"incus":null}'
    fi
)

# More than once: a login prompt that starts just now flushes the line, and the kernel's messages
# can fall into the middle of it.
for _ in 1 2 3; do
    printf '\nANKLUME-REPORT %s\n' "$report" >/dev/ttyS0
    sleep 3
done
systemctl poweroff
