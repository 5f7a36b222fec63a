# Lets a job on a cluster import Python packages from the local disk of its node. Sourced by a profile:
#
#   precommand: ". tools/local_environment.sh"
#
# `make archive` packs the packages into one file. The first job on a node unpacks it, the others on the
# node wait, and all of them import from there: the shared file system then serves one large file instead
# of thousands of small ones to each process. Variables for the environment of `snakemake`:
# BNMATRIX_ARCHIVE: the file; BNMATRIX_LOCAL: a folder on a local disk that is kept between jobs.

_archive="${BNMATRIX_ARCHIVE:-.venv/packages.tar}"
_local="${BNMATRIX_LOCAL:-/tmp}"
_key="$(stat -c %s-%Y "$_archive" 2>/dev/null)"
_folder="$_local/bnmatrix-$(id -u)-$_key"
if [ -z "$_key" ]; then
  echo "No archive $_archive (\`make archive\`): packages are imported from the shared folder" >&2
elif [ -e "$_folder.complete" ] || (
  umask 077
  flock 9
  [ -e "$_folder.complete" ] || {
    mkdir -p "$_folder" && tar -xf "$_archive" -C "$_folder" && touch "$_folder.complete"
  }
) 9>"$_folder.lock"; then
  # A folder of another user could hold anything.
  if [ -O "$_folder" ]; then
    PYTHONPATH="$_folder${PYTHONPATH:+:$PYTHONPATH}"
    export PYTHONPATH
  else
    echo "$_folder belongs to another user: packages are imported from the shared folder" >&2
  fi
else
  rm -rf "$_folder"
  echo "Cannot unpack $_archive in $_local: packages are imported from the shared folder" >&2
fi
unset _archive _local _key _folder
true
