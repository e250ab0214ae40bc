#!/bin/sh
# A step of a CI job: fails where any commit holds a token, and leaves leaks.sarif for the code host.
# Tokens that were revoked and stay in the history stand in .mintmark-known, one id a line.
set -eu
known=""
if [ -f .mintmark-known ]; then known="--known .mintmark-known"; fi
# shellcheck disable=SC2086 # two words, or none
mintmark scan --history --sarif $known . > leaks.sarif
