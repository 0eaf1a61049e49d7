#!/bin/sh
# deb: $1 = remove | upgrade | …; rpm: $1 = 0 (removed) | 1 (upgraded)
set -e
case "$1" in
  remove | deconfigure | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now flowglass-agent.service >/dev/null 2>&1 || true
    fi
    ;;
esac
exit 0
