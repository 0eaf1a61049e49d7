#!/bin/sh
# deb: $1 = remove | purge | upgrade | …; rpm: $1 = 0 (removed) | 1 (upgraded)
set -e
case "$1" in
  remove | 0)
    if [ -f /etc/apparmor.d/flowglass ]; then
      if command -v apparmor_parser >/dev/null 2>&1; then
        apparmor_parser --remove /etc/apparmor.d/flowglass 2>/dev/null || true
      fi
      rm -f /etc/apparmor.d/flowglass
    fi
    if [ -d /run/systemd/system ]; then systemctl daemon-reload >/dev/null 2>&1 || true; fi
    ;;
esac
# rpm knows no purge: removed is gone. Files that people recorded are theirs and stay.
case "$1" in
  purge | 0) if getent group flowglass >/dev/null; then groupdel flowglass || true; fi ;;
esac
exit 0
