#!/bin/sh
# Makes the namespace, once. `runbook setup` sets its retention and registers the search attributes.
set -eu
namespace=${TEMPORAL_NAMESPACE:-default}
if temporal operator namespace describe --namespace "$namespace" > /dev/null 2>&1; then
  echo "namespace $namespace is there"
else
  temporal operator namespace create --namespace "$namespace" --retention 90d
fi
