#!/bin/sh
# Takes what the official registry images take: a configuration file, a sub-command, or any program.
set -e
case "$1" in
    *.yaml | *.yml) set -- registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
