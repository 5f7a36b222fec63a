#!/bin/sh
# Submits jobs to PBS, LSF or Grid Engine, and tells how they ended, for Snakemake's cluster-generic
# executor (profiles/pbs, which says how to use it):
#
#   tools/queue.sh submit pbs|lsf|sge THREADS MEM_MB MINUTES JOBSCRIPT     prints the number of the entry
#   tools/queue.sh status pbs|lsf|sge NUMBER                 prints running, success or failed
#
# Each entry writes its exit status to a file. An entry that the queue no longer has and that wrote no
# status was killed. QUEUE_OPTIONS has further options for submission, such as a queue and a project.
set -eu

action="$1" engine="$2"
folder="$PWD/.snakemake/queue"
# Seconds until a file of another node is visible.
late="${QUEUE_LATE:-30}"

submit() {
  threads="$1" mem_mb="$2" minutes="$3" script="$4"
  mkdir -p "$folder"
  exit_file="$(mktemp "$folder/XXXXXXXX")"
  log="$exit_file.log"
  cat > "$exit_file.sh" <<END
#!/bin/sh
sh "$script"
status=\$?
echo "\$status" > "$exit_file.part" && mv "$exit_file.part" "$exit_file.status"
exit "\$status"
END
  # QUEUE_OPTIONS holds several words.
  # shellcheck disable=SC2086
  case "$engine" in
    pbs) answer="$(qsub -V -j oe -o "$log" -l "nodes=1:ppn=$threads,mem=${mem_mb}mb" \
           -l "walltime=$minutes:00" ${QUEUE_OPTIONS:-} "$exit_file.sh")" ;;
    lsf) answer="$(bsub -n "$threads" -R "span[hosts=1] rusage[mem=$mem_mb]" -W "$minutes" -o "$log" \
           ${QUEUE_OPTIONS:-} sh "$exit_file.sh" | sed 's/^Job <\([0-9]*\)>.*/\1/')" ;;
    sge) answer="$(qsub -terse -cwd -V -j y -o "$log" -l "h_rt=$((minutes * 60)),mem_free=${mem_mb}M" \
           $([ "$threads" -eq 1 ] || echo "-pe smp $threads") ${QUEUE_OPTIONS:-} "$exit_file.sh")" ;;
    *) echo "unknown engine '$engine': use pbs, lsf or sge" >&2; exit 2 ;;
  esac
  echo "$exit_file" > "$folder/entry-$answer"
  echo "$answer"
}

# Whether the queue still has an entry. A queue that does not answer has not lost it.
in_queue() {
  case "$engine" in
    # Slurm's qstat says nothing of an entry that it does not know.
    pbs) said="$(qstat -f "$1" 2>&1)" || true
         [ -n "$said" ] && ! echo "$said" | grep -Eiq 'job_state = [CF]|unknown job|has finished' ;;
    lsf) said="$(bjobs -noheader -o stat "$1" 2>&1)" || true
         ! echo "$said" | grep -Eq 'DONE|EXIT|not found' ;;
    sge) said="$(qstat -j "$1" 2>&1)" || true
         ! echo "$said" | grep -q 'do not exist' ;;
  esac
}

ended() {
  read -r code < "$exit_file.status"
  if [ "$code" -eq 0 ]; then echo success; else echo failed; fi
}

status() {
  read -r exit_file < "$folder/entry-$1"
  if [ -e "$exit_file.status" ]; then
    ended
  elif in_queue "$1"; then
    echo running
  else
    sleep "$late"
    if [ -e "$exit_file.status" ]; then ended; else echo failed; fi
  fi
}

shift 2
case "$action" in
  submit) submit "$@" ;;
  status) status "$@" ;;
  *) echo "unknown action '$action': use submit or status" >&2; exit 2 ;;
esac
