# What the scripts here share: set-up from site.env, checks, signals, requeueing. Sourced with the config as $1.
#
# Set by `srdist submit`, with defaults for `sbatch slurm/train.sbatch CONFIG`:
#   SRDIST_SLURM      folder of these files           SRDIST_LOGS       folder for the logs of single ranks
#   SRDIST_PYTHON     interpreter to use              SRDIST_REQUEUES   times that a job may be requeued
set -euo pipefail
here=${SRDIST_SLURM:-slurm}
logs=${SRDIST_LOGS:-.}
config=${1:?usage: sbatch SCRIPT CONFIG}
restarts=${SLURM_RESTART_COUNT:-0}
requeues=${SRDIST_REQUEUES:-20}

fail() {
    echo "error: $*" >&2
    exit 2
}

# The signal that comes before the time limit, at any time from here on.
stopping='' child='' interrupted=''
on_signal() {
    stopping=yes interrupted=yes
    echo "time is nearly up"
    [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null || :
}
trap on_signal USR1

source "$here/site.env" || fail "cannot read $here/site.env"
echo "--- job $SLURM_JOB_ID ($SLURM_JOB_NAME), start $((restarts + 1)), on $SLURM_JOB_NODELIST, $(date '+%F %T')"
[ "$restarts" -le "$requeues" ] || fail "requeued $restarts times, the limit; \`srdist submit\` goes on where it was"

set +u # which `module` does not stand everywhere
for module in $MODULES; do
    type module >/dev/null 2>&1 || fail "site.env asks for module $module, but node $SLURMD_NODENAME has no \`module\`"
    module load "$module" || fail "module $module of site.env cannot be loaded on node $SLURMD_NODENAME"
done
set -u
PYTHON=${PYTHON:-${SRDIST_PYTHON:-python}}
$CONTAINER "$PYTHON" -c 'import srdist' || fail "$CONTAINER $PYTHON cannot import srdist on node $SLURMD_NODENAME; see site.env"

unset RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT RAY_ADDRESS SRDIST_PARENT # of the shell that submitted
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1} SRDIST_INTERFACE=$INTERFACE RAY_USAGE_STATS_ENABLED=0
if [ -n "$INTERFACE" ]; then
    export NCCL_SOCKET_IFNAME=$INTERFACE GLOO_SOCKET_IFNAME=$INTERFACE
fi

# step COMMAND...: run it, and hand on the signal that comes before the time limit. Exit code 85 says that it has saved
# and wants to go on: the job is requeued. So is a step that --kill-on-bad-exit ended while its ranks were leaving.
step() {
    local code
    [ -z "$stopping" ] || requeue
    "$@" &
    child=$!
    while :; do
        interrupted='' code=0
        wait "$child" || code=$?
        [ -n "$interrupted" ] || break # else it was the signal that ended the wait
    done
    child=
    if [ "$code" -eq 85 ] || { [ -n "$stopping" ] && [ "$code" -gt 128 ]; }; then
        requeue
    elif [ "$code" -ne 0 ]; then
        echo "error: ended with code $code; logs: $logs" >&2
        exit "$code"
    fi
}

requeue() {
    [ "$restarts" -lt "$requeues" ] || fail "stopped, and requeued $restarts times before, the limit;" \
        "\`srdist submit\` goes on where it was"
    echo "requeue $((restarts + 1)) of $requeues"
    scontrol requeue "${SLURM_ARRAY_TASK_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}" # one task alone
    exit 85
}
