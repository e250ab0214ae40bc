#!/bin/sh
# A step of a CI job: what runs after it gets a key for this job alone, and not the one of the project.
# DEPLOY_KEY comes from the secrets of the CI system; nobody is asked for the narrower key.
set -eu
JOB_KEY=$(mintmark key derive --from-env DEPLOY_KEY \
  --scope packages:read --method GET --path-prefix /packages \
  --expires-in "${JOB_SPAN:-15m}" --label "${JOB_NAME:-ci}")
export JOB_KEY
unset DEPLOY_KEY
exec "$@"
