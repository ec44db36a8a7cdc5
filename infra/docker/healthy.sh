#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Healthy: the program in this container says that it is ready. healthy.sh PORT
# asks over HTTP; healthy.sh PORT tcp only connects. No tool but bash.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
[[ ${2-} != tcp ]] || exit 0
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
IFS=' ' read -r -t 3 _ status _ <&3
[[ $status == 200 ]]
