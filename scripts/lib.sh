# shellcheck shell=bash
# What every command needs: messages, processes with a pid file, cargo with progress, ports.

# Colours only on a terminal.
BOLD='' RED='' GREEN='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR-} ]]; then BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'; fi

say() { printf '%s\n' "${BOLD}$*${PLAIN}"; }
good() { printf '%s\n' "${GREEN}ok${PLAIN}     $*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { printf '%s\n' "${RED}$*${PLAIN}" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- processes ---------------------------------------------------------------------------------------
# A pid file holds the pid and, on its second line, a word of the command line. Pids are reused: a process is signalled
# only if its command line contains that word.

command_line() { # PID
  if [[ -r /proc/$1/cmdline ]]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -p "$1" -o command= 2>/dev/null; fi
}

running_pid() { # PIDFILE: prints the pid when that process runs, fails when it does not
  local pid word
  [[ -r $1 ]] || return 1
  { read -r pid && read -r word; } <"$1" || return 1
  [[ $pid =~ ^[0-9]+$ && -n $word ]] || return 1
  # A process that has ended but was not waited for has an empty command line.
  [[ $(command_line "$pid") == *"$word"* ]] || return 1
  printf '%s\n' "$pid"
}

# start_detached PIDFILE WORD LOG COMMAND...: a process that outlives this script and its terminal.
start_detached() {
  local pidfile=$1 word=$2 log=$3 launcher=(nohup)
  shift 3
  ! has setsid || launcher=(setsid)
  "${launcher[@]}" "$@" >"$log" 2>&1 </dev/null 9>&- &
  STARTED_PID=$!
  disown
  printf '%s\n%s\n' "$STARTED_PID" "$word" >"$pidfile"
}

# An ending process loses its command line first and its ports last, and may stay a zombie when its parent does not
# wait.
gone() { # PID
  kill -0 "$1" 2>/dev/null || return 0
  if [[ -d /proc/$1/task ]]; then
    grep -qs '^State:[[:space:]]*[ZX]' "/proc/$1/status" && [[ $(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l) -le 1 ]]
  else
    [[ $(ps -p "$1" -o state= 2>/dev/null) == Z* ]]
  fi
}

wait_until_gone() { # PID SECONDS
  local tries
  for ((tries = $2 * 20; tries > 0; tries--)); do
    ! gone "$1" || return 0
    sleep 0.05
  done
  return 1
}

# stop_process PIDFILE SECONDS: SIGTERM, and SIGKILL when that was not enough.
# Prints "stopped", "killed" or "not running".
stop_process() {
  local pid
  if pid=$(running_pid "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    if wait_until_gone "$pid" "$2"; then
      rm -f "$1"
      echo stopped
      return
    fi
  fi
  kill_process "$1"
}

kill_process() { # PIDFILE: prints "killed" or "not running"
  local pid
  if ! pid=$(running_pid "$1"); then
    rm -f "$1"
    echo "not running"
    return
  fi
  kill -KILL "$pid" 2>/dev/null || true
  if ! wait_until_gone "$pid" 10; then
    warn "process $pid does not end even after SIGKILL"
    return 1
  fi
  rm -f "$1"
  echo killed
}

# ---- cargo -------------------------------------------------------------------------------------------
# Prints the path of a cargo tool of this version, building it first where there is none.
cargo_tool() { # NAME VERSION
  local tools=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/$1-$2
  if [[ ! -x $tools/bin/$1 ]]; then
    warn "Building $1 $2 (a minute or two, once; kept in $tools) …"
    # An unoptimised build takes a third of the time, and the tool is fast enough.
    CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --debug --root "$tools" \
      "$1@$2" >&2 || return
    rm -rf "$tools/build"
  fi
  echo "$tools/bin/$1"
}

# On a terminal cargo draws its progress itself. Elsewhere a line every 15 seconds reports it, and warnings and errors
# are passed on.
with_progress() { # cargo ARG...
  local line next=$((SECONDS + 15)) silent
  silent="^([[:space:]]|"$'\e'"\[[0-9;]*[mK])*(Compiling|Downloading|Downloaded|Finished|Locking|Updating) "
  if [[ -t 2 ]]; then "$@"; return; fi
  { CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80 "$@" 2>&1 >&3 3>&- | tr '\r' '\n' | {
    while IFS= read -r line; do
      if [[ $line =~ Building\ .*\ ([0-9]+)/([0-9]+) ]]; then
        ((SECONDS >= next)) || continue
        next=$((SECONDS + 15))
        warn "  compiled ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} crates …"
      elif [[ ! $line =~ $silent && -n ${line//$'\e[K'/} ]]; then warn "$line"; fi
    done
  }; } 3>&1
}

# ---- ports -------------------------------------------------------------------------------------------
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port_owner() { # PORT: prints "NAME (pid N)" as far as it can be known
  local found=''
  if has ss; then
    found=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (pid \2)/p' | head -n 1)
  fi
  if [[ -z $found ]] && has lsof; then
    found=$(lsof -nP -iTCP:"$1" -sTCP:LISTEN -Fpc 2>/dev/null | sed -n 's/^p//p; s/^c//p' | head -n 2 | paste -sd ' ' - |
      sed -n 's/^\([0-9]*\) \(.*\)/\2 (pid \1)/p')
  fi
  printf '%s\n' "${found:-another process (not visible to this user: run ss -ltnp as root)}"
}

port_sentence() { # PORT WHAT
  echo "Port $1, needed for $2, is in use by $(port_owner "$1"): stop that process first."
}

# A free port below the range from which the system takes ports for outgoing connections.
free_port() {
  local port tries
  for ((tries = 50; tries > 0; tries--)); do
    port=$((20000 + RANDOM % 9000))
    port_in_use "$port" || { echo "$port"; return; }
  done
  die "No free port found between 20000 and 29000."
}

# The port of a service: its setting http.listen where the environment gives one, else the default.
service_port() { # SERVICE
  local variable
  variable=$(printf '%s__HTTP__LISTEN' "$1" | tr 'a-z-' 'A-Z_')
  if [[ -n ${!variable-} ]]; then echo "${!variable##*:}"; return; fi
  case $1 in
    order-service) echo 8080 ;;
    inventory-service) echo 8081 ;;
    payment-service) echo 8082 ;;
    orchestrator) echo 8083 ;;
  esac
}
