# shellcheck shell=bash
# Format, lints, dependencies, documentation, every test; and the benchmark.

CARGO_DENY_VERSION=0.20.2
AXE_VERSION=4.14.1
OIDC_PROVIDER_VERSION=9.13.3
STRIPE_MOCK_VERSION=0.203.0
STRIPE_MOCK_TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/stripe-mock-$STRIPE_MOCK_VERSION
ASYNCAPI_VERSION=6.11.1
# TypeScript 5 is the version that openapi-typescript generates for.
OPENAPI_TOOLS=(@redocly/cli@2.77.0 openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3)
SCHEMATHESIS_VERSION=4.32.5
SCHEMATHESIS_TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/schemathesis-$SCHEMATHESIS_VERSION
GROUPS_RUNNING=()

# A separate process group, so that an interrupt also ends the compilers and tests at once.
in_group() { # COMMAND...
  local status=0 child
  set -m
  "$@" </dev/null 9>&- &
  child=$!
  set +m
  GROUPS_RUNNING=("$child")
  wait "$child" || status=$?
  GROUPS_RUNNING=()
  return "$status"
}

stop_leftovers() {
  local pidfile
  for pidfile in "$TARGET"/test-brokers/*/pid "$TARGET"/bench-brokers/*/pid; do
    [[ -f $pidfile ]] || continue
    [[ $(kill_process "$pidfile") == "not running" ]] || warn "A broker of an earlier run in ${pidfile%/pid} was ended."
  done
}

interrupted() {
  local child
  trap - INT TERM HUP
  warn "Interrupted: ending all processes."
  for child in ${GROUPS_RUNNING[@]+"${GROUPS_RUNNING[@]}"}; do kill -TERM -- "-$child" 2>/dev/null || true; done
  wait
  stop_leftovers
  exit 130
}

# One run at a time in a target directory: a second one would end the brokers of the first.
own_the_brokers() {
  mkdir -p "$TARGET"
  exec 9>"$TARGET/dev-test.lock"
  if has flock; then flock -n 9 || die "Another ./dev test or bench runs with $TARGET: wait for it, or set CARGO_TARGET_DIR."; fi
  stop_leftovers
  trap interrupted INT TERM HUP
}

deny_command() { # prints the path of cargo-deny, building it first where there is none
  local version
  if has cargo-deny && version=$(cargo-deny --version | sed 's/.* //') &&
    [[ $(printf '%s\n%s\n' 0.19.0 "$version" | sort -V | head -n 1) == 0.19.0 ]]; then
    command -v cargo-deny
    return
  fi
  cargo_tool cargo-deny "$CARGO_DENY_VERSION"
}

# stripe-mock, Stripe's own test server, validates the payment service's requests. It is written in Go, which nothing
# else needs here: with neither Go nor an installed stripe-mock that one test is skipped.
find_stripe_mock() { # sets STRIPE_MOCK, building the program first where there is none
  local built=$STRIPE_MOCK_TOOLS/stripe-mock
  if [[ -n ${STRIPE_MOCK-} ]]; then return; fi
  if [[ ! -x $built ]] && has stripe-mock; then built=$(command -v stripe-mock); fi
  if [[ ! -x $built ]] && has go; then
    mkdir -p "${STRIPE_MOCK_TOOLS%/*}"
    warn "Building stripe-mock $STRIPE_MOCK_VERSION (half a minute, once; kept in $STRIPE_MOCK_TOOLS) …"
    GOBIN=$STRIPE_MOCK_TOOLS GOFLAGS=-buildvcs=false go install "github.com/stripe/stripe-mock@v$STRIPE_MOCK_VERSION" \
      >"$STRIPE_MOCK_TOOLS.log" 2>&1 || warn "stripe-mock can't be built (see $STRIPE_MOCK_TOOLS.log): the test that needs it is skipped."
  fi
  if [[ -x $built ]]; then export STRIPE_MOCK=$built
  else echo "Neither stripe-mock nor Go to build it is installed: the test that needs it is skipped."; fi
}

# The OpenTelemetry Collector's receiver, which gets the traces of an order. It is written in Go: without Go that one test
# is skipped.
find_otelcol() { # sets OTELCOL, building the program first where there is none
  local source=$ROOT/scripts/otelcol sum built
  if [[ -n ${OTELCOL-} ]]; then return; fi
  sum=$(cat "$source"/{main.go,go.mod,go.sum} | cksum)
  built=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/otelcol-${sum%% *}/otelcol
  if [[ ! -x $built ]] && has go; then
    mkdir -p "${built%/*}"
    warn "Building the receiver of traces (a minute, once; kept in ${built%/*}) …"
    (cd "$source" && go build -buildvcs=false -o "$built" .) >"${built%/*}/log" 2>&1 ||
      warn "The receiver of traces can't be built (see ${built%/*}/log): the test that needs it is skipped."
  fi
  if [[ -x $built ]]; then export OTELCOL=$built
  else echo "Go is not installed: the test that needs the receiver of traces is skipped."; fi
}

# Prometheus and promtool, its checker, check the metrics, the alerts and the boards. Their Go module can't be installed
# by itself (it has `replace` directives): without the installed programs these checks are skipped.
find_prometheus() { # sets PROMTOOL and PROMETHEUS
  if [[ -z ${PROMTOOL-} ]] && has promtool; then
    PROMTOOL=$(command -v promtool)
    export PROMTOOL
  fi
  if [[ -z ${PROMETHEUS-} ]] && has prometheus; then
    PROMETHEUS=$(command -v prometheus)
    export PROMETHEUS
  fi
  if [[ -z ${PROMTOOL-} || -z ${PROMETHEUS-} ]]; then
    echo "prometheus and promtool (Debian's package prometheus) are not installed: their checks of metrics, alerts and boards are skipped."
  fi
}

# schemathesis, which checks the services' APIs against their descriptions: installed once, in a virtual environment.
find_schemathesis() { # sets SCHEMATHESIS
  local built=$SCHEMATHESIS_TOOLS/bin/schemathesis log=$SCHEMATHESIS_TOOLS.log
  if [[ -n ${SCHEMATHESIS-} ]]; then return; fi
  if [[ ! -x $built ]]; then
    warn "Fetching schemathesis $SCHEMATHESIS_VERSION (half a minute, once; kept in $SCHEMATHESIS_TOOLS) …"
    mkdir -p "${SCHEMATHESIS_TOOLS%/*}"
    rm -rf "$SCHEMATHESIS_TOOLS"
    # Complete or absent: a failed installation is removed.
    { python3 -m venv "$SCHEMATHESIS_TOOLS" &&
      "$SCHEMATHESIS_TOOLS/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"; } >"$log" 2>&1 || {
      tail -n 3 "$log" >&2
      rm -rf "$SCHEMATHESIS_TOOLS"
      die "schemathesis could not be installed; details are in $log."
    }
  fi
  export SCHEMATHESIS=$built
}

# cargo-deny reads the crates of other platforms too, which a build here does not fetch. Warnings, such as two versions
# of one crate, are for `cargo deny check` by hand.
run_deny() { # CHECK...
  local deny
  deny=$(deny_command) || return
  cargo fetch --locked --quiet || true
  "$deny" --log-level error --locked --offline check "$@"
}

check_dependencies() { run_deny bans licenses sources; }

# Advisories need a database, which a closed network can't fetch.
check_advisories() {
  local deny limit=()
  deny=$(deny_command) || return
  ! has timeout || limit=(timeout 60)
  if ! ${limit[@]+"${limit[@]}"} "$deny" --locked fetch db >/dev/null 2>&1; then
    echo "The database of advisories (https://github.com/rustsec/advisory-db) can't be fetched here."
    return "$NOT_CHECKED"
  fi
  run_deny advisories
}

documentation() { RUSTDOCFLAGS="${RUSTDOCFLAGS-} -D warnings" cargo doc --no-deps --workspace --locked --quiet; }

# Installs npm packages once, into a folder of the target directory. The file `fetched` names those that are complete.
npm_fetch() { # FOLDER WHAT PACKAGE@VERSION...
  local folder=$TARGET/$1 what=$2
  shift 2
  [[ $(cat "$folder/fetched" 2>/dev/null) != "$*" ]] || return 0
  mkdir -p "$folder"
  npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "$@" >"$folder/npm.log" 2>&1 || {
    tail -n 3 "$folder/npm.log" >&2
    die "npm could not fetch $what; details are in $folder/npm.log."
  }
  echo "$*" >"$folder/fetched"
}

# axe-core checks the dashboard's accessibility in the browser.
fetch_axe() { npm_fetch axe axe-core "axe-core@$AXE_VERSION"; }
# The identity provider with which the dashboard's tests log in.
fetch_oidc_provider() { npm_fetch oidc "the identity provider" "oidc-provider@$OIDC_PROVIDER_VERSION"; }
# AsyncAPI's schema validates the message contract.
fetch_asyncapi() { npm_fetch asyncapi "AsyncAPI's schema" "@asyncapi/specs@$ASYNCAPI_VERSION"; }
# The linter of the OpenAPI documents, and the generator of a TypeScript client.
fetch_openapi_tools() { npm_fetch openapi "the tools for OpenAPI" "${OPENAPI_TOOLS[@]}"; }

# ---- parts and lanes ---------------------------------------------------------------------------------
# A part is one check or one test binary. Its output goes into a log, which is printed when the part has ended. A failed
# part does not stop the others. Lanes are sequences of parts that run in parallel: the tests with a broker wait most of
# the time, and the compiler and the other tests use the processors meanwhile.
PARTS=$TARGET/dev-test
# The status of a part that could not be checked here: neither ok nor failed.
NOT_CHECKED=77

part() { # NAME COMMAND...
  local name=$1 start=$SECONDS status=0 log
  log=$PARTS/${name//[^a-zA-Z0-9:-]/-}.log
  shift
  printf '%s\n' "$name" >"$log.running"
  "$@" </dev/null >"$log" 2>&1 || status=$?
  rm -f "$log.running"
  printf '%s\t%s\n' "$status" "$name" >>"$PARTS/results"
  {
    say "== $name"
    cat "$log"
    case $status in
      0) echo "-- $name: ok ($((SECONDS - start)) s)" ;;
      "$NOT_CHECKED") echo "${RED}-- $name: not checked${PLAIN}" ;;
      *) echo "${RED}-- $name: failed${PLAIN} ($((SECONDS - start)) s)" ;;
    esac
  } >"$log.whole"
  cat "$log.whole"
  rm -f "$log.whole"
}

# Runs lanes in parallel until all have ended, and prints every 30 seconds what is running. A lane that breaks off counts
# as a failed part: the parts behind it did not run.
lanes() { # FUNCTION...
  local lane child next=$((SECONDS + 30))
  for lane; do
    set -m
    "$lane" </dev/null 9>&- &
    GROUPS_RUNNING+=("$!")
    set +m
  done
  for lane; do
    child=${GROUPS_RUNNING[0]}
    while kill -0 "$child" 2>/dev/null; do
      sleep 1
      ((SECONDS < next)) || { next=$((SECONDS + 30)); what_runs || true; }
    done
    wait "$child" || printf '1\t%s\n' "$lane" >>"$PARTS/results"
    GROUPS_RUNNING=("${GROUPS_RUNNING[@]:1}")
  done
}

succeeded() { # LANE, which `lanes` has run
  ! grep -qx "1"$'\t'"$1" "$PARTS/results"
}

# A part may end, and its file vanish, at any moment of this.
what_runs() {
  local file log name tests line=''
  for file in "$PARTS"/*.running; do
    name=$(cat "$file" 2>/dev/null) || continue
    log=${file%.running}
    tests=$(grep -c '^test .* \.\.\. ' "$log" 2>/dev/null) || true
    line+="${line:+, }$name"
    [[ ${tests:-0} == 0 ]] || line+=" ($tests tests)"
  done
  [[ -z $line ]] || echo "… $SECONDS s: $line"
}

# ---- tests -------------------------------------------------------------------------------------------
# One invocation builds everything: another selection of packages or targets may enable other features.
build_tests() {
  with_progress cargo build --workspace --bins --tests --locked --message-format=json-render-diagnostics >"$PARTS/cargo.json"
}

# Prints "NAME FOLDER PROGRAM" for each test binary: its package and target, its working directory, its path.
test_binaries() {
  python3 -c '
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["reason"] != "compiler-artifact" or not message["profile"]["test"] or not message["executable"]: continue
    folder, target = os.path.dirname(message["manifest_path"]), message["target"]
    package = os.path.basename(folder)
    name = target["name"] if target["kind"] == ["test"] else "unit"
    print("%s:%s\t%s\t%s" % (package, name, folder, message["executable"]))
' <"$PARTS/cargo.json" | sort
}

# Runs a test binary as `cargo test` does: in the folder of its package.
run_binary() { # FOLDER PROGRAM ARG...
  cd "$1" && CARGO_MANIFEST_DIR=$1 "${@:2}"
}

# Runs each test binary whose name matches the pattern as a part. TEST_LANE, if set, is appended to the part's name, and
# gives the run a broker and folders of its own.
test_parts() { # PATTERN ARG...
  local name folder program
  while IFS=$'\t' read -r name folder program; do
    # shellcheck disable=SC2254
    case $name in $1) part "$name${TEST_LANE:+:$TEST_LANE}" run_binary "$folder" "$program" "${@:2}" ;; esac
  done <"$PARTS/binaries"
}

# Two lanes have brokers, and take about the same time. With a third one, two processors are so busy that a broker stalls
# for longer than its clients wait, and nothing ends sooner. Of the scenarios, one lane runs the groups of the business,
# the other those of faults and odd inputs; a group in neither list runs in both.
BUSINESS_GROUPS=(simulated topics manual catalogue definitions sagactl expiry openapi stripe stripe-mock edge security)
FAULT_GROUPS=(delivery two_instances failures load hostile unreadable)
scenarios_without() { # GROUP...
  local group skip=()
  for group; do skip+=(--skip "$group::"); done
  test_parts tests:scenarios "${skip[@]}"
}
business_lane() {
  scenarios_without "${FAULT_GROUPS[@]}"
  test_parts tests:dashboard
}
faults_lane() {
  TEST_LANE=faults scenarios_without "${BUSINESS_GROUPS[@]}"
  test_parts tests:worker
}
# All parts that need no broker, at a lower priority than the tests that measure time.
checks_lane() {
  renice -n 10 -p "$BASHPID" >/dev/null 2>&1 || true
  part clippy cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
  # The longest part: at the end it would keep one processor busy alone.
  test_parts simulation:simulation
  part documentation documentation
  part doctests cargo test --workspace --doc --locked --quiet
  part dependencies check_dependencies
  part advisories check_advisories
  test_parts '!(simulation:simulation|tests:@(scenarios|dashboard|worker))'
}

# Counts the tests of all parts. A failed part without a failed test counts as one.
count_tests() {
  awk -F '\t' -v not_checked="$NOT_CHECKED" '
    FILENAME == ARGV[1] { if ($1 == not_checked) skipped++; else if ($1 != 0) broken++; next }
    /^test result: / {
      n = split($0, word, " ")
      for (i = 2; i <= n; i++) {
        if (word[i] == "passed;") passed += word[i - 1]
        if (word[i] == "failed;") { failed += word[i - 1]; if (word[i - 1] > 0) counted++ }
        if (word[i] == "ignored;") skipped += word[i - 1]
      }
    }
    END {
      if (broken > counted) failed += broken - counted
      printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    }' "$PARTS/results" "$PARTS"/*.log
}

prepare_tests() { # NEED...
  require_all "$@"
  own_the_brokers
  rm -rf "$PARTS"
  mkdir -p "$PARTS"
  : >"$PARTS/results"
  export CARGO_TERM_COLOR=never
}

parts_with() { # CONDITION: the names of the parts with such a status, separated by commas
  awk -F '\t' -v not_checked="$NOT_CHECKED" "$1"' { printf "%s%s", sep, $2; sep = ", " }' "$PARTS/results"
}

# Prints the result of all parts; fails if one of them failed.
conclude() {
  local failed unchecked
  stop_leftovers
  failed=$(parts_with '$1 != 0 && $1 != not_checked')
  unchecked=$(parts_with '$1 == not_checked')
  [[ -z $unchecked ]] || echo "${RED}Not checked: $unchecked${PLAIN}"
  [[ -z $failed ]] || echo "${RED}Failed: $failed${PLAIN}"
  count_tests
  [[ -z $failed ]]
}

run_tests() { # [quick]
  case ${1-} in
    '') all_tests ;;
    quick) quick_tests ;;
    *) die "usage: ./dev test [quick]" ;;
  esac
}

# What the tests need, fetched while cargo builds.
fetch_tools() {
  fetch_kafka
  fetch_bpmn
  fetch_ubl
  fetch_axe
  fetch_oidc_provider
  fetch_asyncapi
  fetch_openapi_tools
  find_schemathesis
  find_stripe_mock
  find_otelcol
  find_prometheus
}
build_lane() {
  say "Building the services and the tests …"
  if build_tests; then test_binaries >"$PARTS/binaries"; else printf '1\tbuild\n' >>"$PARTS/results"; fi
}

all_tests() {
  shopt -s extglob
  prepare_tests "${TO_TEST[@]}"
  part format cargo fmt --all --check
  lanes build_lane fetch_tools
  if [[ -f $PARTS/binaries ]] && succeeded fetch_tools; then
    # Sets the variables here.
    fetch_tools
    # In the few minutes that a broker lives here, C2 costs more than its code saves.
    export KAFKA_JVM_OPTS=${KAFKA_JVM_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1}
    lanes business_lane faults_lane checks_lane
  else
    : >>"$PARTS/binaries"
    lanes checks_lane
  fi
  conclude
}

# The unit tests, and one order from the request to its end, over a broker.
quick_lane() {
  test_parts tests:scenarios --exact simulated::paid
  test_parts '*:unit'
}
quick_checks() { part clippy cargo clippy --workspace --all-targets --locked --quiet -- -D warnings; }
quick_tests() {
  prepare_tests python
  part format cargo fmt --all --check
  lanes build_lane fetch_kafka
  if [[ -f $PARTS/binaries ]] && succeeded fetch_kafka; then
    fetch_kafka
    lanes quick_lane quick_checks
  else
    lanes quick_checks
  fi
  conclude
}

bench() { # ARG...
  require_all
  fetch_kafka
  own_the_brokers
  local status=0
  build_for_bench && in_group "${CARGO_TARGET_DIR:-target}/release/bench" "$@" || status=$?
  stop_leftovers
  return "$status"
}

# The benchmark starts the services' release binaries.
build_for_bench() { in_group cargo build --release --locked --workspace --bins --features common/jemalloc; }
