#!/bin/sh
# deb: $1 = configure | abort-…; rpm: $1 = 1 (installed) | 2 (upgraded)
set -e
case "$1" in
  configure | 1 | 2 | abort-upgrade | abort-remove | abort-deconfigure) ;;
  *) exit 0 ;;
esac

helper=/usr/libexec/flowglass/flowglass-helper
app=/opt/Flowglass
has() { command -v "$1" >/dev/null 2>&1; }

getent group flowglass >/dev/null || groupadd --system flowglass

# Members of the group may capture. The administrator's own choice (dpkg-statoverride) wins; rpm keeps none.
if ! { has dpkg-statoverride && dpkg-statoverride --list "$helper" >/dev/null 2>&1; }; then
  chown root:flowglass "$helper"
  chmod 0750 "$helper"
  # Unpacking drops capabilities, so they are set each time. Permitted only (=p): the helper raises what it needs, and can
  # still start and say what is missing where a container has taken one away. Never set-uid.
  setcap cap_bpf,cap_perfmon,cap_net_admin=p "$helper" 2>/dev/null ||
    echo "flowglass: this file system keeps no capabilities: capturing will ask for a password (pkexec) instead" >&2
fi

# Chromium's own sandbox helper needs set-uid only where ordinary programs may not make user namespaces.
if [ -f "$app/chrome-sandbox" ]; then
  if setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user true 2>/dev/null; then
    chmod 0755 "$app/chrome-sandbox"
  else
    chmod 4755 "$app/chrome-sandbox"
  fi
fi

# Ubuntu from 23.10 on lets only programs with a profile make user namespaces.
profile=$app/resources/apparmor-profile
if [ -f "$profile" ] && [ -d /etc/apparmor.d ] && has apparmor_parser &&
  apparmor_parser --skip-kernel-load --skip-cache "$profile" >/dev/null 2>&1; then
  cp -f "$profile" /etc/apparmor.d/flowglass
  if has aa-enabled && aa-enabled --quiet 2>/dev/null; then
    apparmor_parser --replace --write-cache /etc/apparmor.d/flowglass || true
  fi
fi

if [ -d /run/systemd/system ]; then systemctl daemon-reload >/dev/null 2>&1 || true; fi
# Debian's triggers do the rest; rpm systems that have none are told here.
if ! has dpkg; then
  if has update-mime-database; then update-mime-database /usr/share/mime >/dev/null 2>&1 || true; fi
  if has update-desktop-database; then update-desktop-database -q /usr/share/applications || true; fi
fi
exit 0
