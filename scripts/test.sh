# shellcheck shell=bash
# The bar: format, lints, dependencies, documentation, every test; and the benchmark.

CARGO_DENY_VERSION=0.20.2
AXE_VERSION=4.14.1
TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/cargo-deny-$CARGO_DENY_VERSION
STRIPE_MOCK_VERSION=0.203.0
STRIPE_MOCK_TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/stripe-mock-$STRIPE_MOCK_VERSION
ASYNCAPI_VERSION=6.11.1
SCHEMATHESIS_VERSION=4.32.5
SCHEMATHESIS_TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/order-saga/schemathesis-$SCHEMATHESIS_VERSION
FAILED=()
CHILD=''

# Every part runs, whatever became of those before it.
part() { # NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  say "== $name"
  if in_group "$@"; then echo "-- $name: ok ($((SECONDS - start)) s)"; else
    FAILED+=("$name")
    echo "${RED}-- $name: failed${PLAIN} ($((SECONDS - start)) s)"
  fi
}

# A process group of its own, so that an interrupt ends the compilers and tests too, and is heard at once.
in_group() { # COMMAND...
  local status=0
  set -m
  "$@" </dev/null 9>&- &
  CHILD=$!
  set +m
  wait "$CHILD" || status=$?
  CHILD=''
  return "$status"
}

stop_leftovers() {
  local pidfile
  for pidfile in "$TARGET"/test-brokers/*/pid "$TARGET"/bench-brokers/*/pid; do
    [[ -f $pidfile ]] || continue
    [[ $(kill_process "$pidfile") == "not running" ]] || warn "A broker was left over in ${pidfile%/pid}, and is ended now."
  done
}

interrupted() {
  trap - INT TERM HUP
  warn "Interrupted: ending what runs."
  [[ -z $CHILD ]] || kill -TERM -- "-$CHILD" 2>/dev/null || true
  [[ -z $CHILD ]] || wait "$CHILD" 2>/dev/null || true
  stop_leftovers
  exit 130
}

# One run at a time in a target directory: a second one would end the first one's brokers.
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
  if [[ ! -x $TOOLS/bin/cargo-deny ]]; then
    warn "Building cargo-deny $CARGO_DENY_VERSION (a minute or two, once; kept in $TOOLS) …"
    # Unoptimized it is built in a third of the time and still checks in two seconds.
    CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR=$TOOLS/build cargo install --quiet --locked --debug --root "$TOOLS" \
      "cargo-deny@$CARGO_DENY_VERSION" >&2 || return
    rm -rf "$TOOLS/build"
  fi
  echo "$TOOLS/bin/cargo-deny"
}

# Stripe's own stand-in, against which the payment service's requests are held. It is written in Go, which nothing else here
# needs: without Go, and without a stripe-mock that is there already, that one test is skipped.
find_stripe_mock() { # sets STRIPE_MOCK, building the program first where there is none
  local built=$STRIPE_MOCK_TOOLS/stripe-mock
  if [[ -n ${STRIPE_MOCK-} ]]; then return; fi
  if [[ ! -x $built ]] && has stripe-mock; then built=$(command -v stripe-mock); fi
  if [[ ! -x $built ]] && has go; then
    warn "Building stripe-mock $STRIPE_MOCK_VERSION (half a minute, once; kept in $STRIPE_MOCK_TOOLS) …"
    GOBIN=$STRIPE_MOCK_TOOLS GOFLAGS=-buildvcs=false go install "github.com/stripe/stripe-mock@v$STRIPE_MOCK_VERSION" >&2 ||
      warn "stripe-mock can't be built: the test that needs it is skipped."
  fi
  if [[ -x $built ]]; then export STRIPE_MOCK=$built
  else echo "There is no stripe-mock, and no Go to build it: the test that needs it is skipped."; fi
}

# schemathesis, which holds the services' APIs against their descriptions: fetched once, in a place of its own.
find_schemathesis() { # sets SCHEMATHESIS
  local built=$SCHEMATHESIS_TOOLS/bin/schemathesis log=$SCHEMATHESIS_TOOLS.log
  if [[ -n ${SCHEMATHESIS-} ]]; then return; fi
  if [[ ! -x $built ]]; then
    warn "Fetching schemathesis $SCHEMATHESIS_VERSION (half a minute, once; kept in $SCHEMATHESIS_TOOLS) …"
    mkdir -p "${SCHEMATHESIS_TOOLS%/*}"
    rm -rf "$SCHEMATHESIS_TOOLS"
    # Made whole or not at all: the program comes last.
    { python3 -m venv "$SCHEMATHESIS_TOOLS" &&
      "$SCHEMATHESIS_TOOLS/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"; } >"$log" 2>&1 || {
      tail -n 3 "$log" >&2
      rm -rf "$SCHEMATHESIS_TOOLS"
      die "schemathesis could not be installed; the whole story is in $log."
    }
  fi
  export SCHEMATHESIS=$built
}

# Advisories need a database that a closed network does not reach.
check_dependencies() {
  local deny checks=(bans licenses sources) limit=()
  deny=$(deny_command) || return
  ! has timeout || limit=(timeout 60)
  if ${limit[@]+"${limit[@]}"} "$deny" --locked fetch db >/dev/null 2>&1; then checks+=(advisories)
  else echo "The advisory database can't be fetched here: advisories are not checked."; fi
  # It looks at the crates of other systems too, which building here does not bring along.
  cargo fetch --locked --quiet || true
  # Warnings, such as two versions of one crate, are for `cargo deny check` by hand.
  "$deny" --log-level error --locked --offline check "${checks[@]}"
}

documentation() { RUSTDOCFLAGS="${RUSTDOCFLAGS-} -D warnings" cargo doc --no-deps --workspace --locked --quiet; }

# axe-core, which looks in the browser for what keeps people out of the dashboard: fetched once, kept with what is built.
fetch_axe() {
  local folder=$TARGET/axe
  ! grep -qs "\"version\": \"$AXE_VERSION\"" "$folder/node_modules/axe-core/package.json" || return 0
  mkdir -p "$folder"
  npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "axe-core@$AXE_VERSION" >"$folder/npm.log" 2>&1 || {
    tail -n 3 "$folder/npm.log" >&2
    die "npm could not fetch axe-core; the whole story is in $folder/npm.log."
  }
}

# AsyncAPI's own schema, which the message contract is held against: fetched once, kept with what is built.
fetch_asyncapi() {
  local folder=$TARGET/asyncapi
  ! grep -qs "\"version\": \"$ASYNCAPI_VERSION\"" "$folder/node_modules/@asyncapi/specs/package.json" || return 0
  mkdir -p "$folder"
  npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "@asyncapi/specs@$ASYNCAPI_VERSION" >"$folder/npm.log" 2>&1 || {
    tail -n 3 "$folder/npm.log" >&2
    die "npm could not fetch AsyncAPI's schema; the whole story is in $folder/npm.log."
  }
}

# The scenarios start the built binaries.
tests_to_log() { # LOG
  { cargo build --workspace --bins --locked --quiet && cargo test --workspace --locked --no-fail-fast; } 2>&1 | tee "$1"
}

run_tests() {
  local log=$TARGET/dev-test.log status=0 start=$SECONDS
  require_all "${TO_TEST[@]}"
  fetch_kafka
  fetch_axe
  fetch_asyncapi
  find_schemathesis
  own_the_brokers
  export CARGO_TERM_COLOR=never
  part format cargo fmt --all --check
  part clippy cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
  part dependencies check_dependencies
  part documentation documentation
  if [[ ${#FAILED[@]} -gt 0 ]]; then echo "${RED}Failed so far: ${FAILED[*]}${PLAIN}"; else echo "All parts passed so far ($((SECONDS - start)) s)."; fi
  say "== tests"
  find_stripe_mock
  in_group tests_to_log "$log" || status=$?
  stop_leftovers
  # The last line counts all test binaries together, a failed part as one test that failed.
  awk -v parts="${#FAILED[@]}" -v status="$status" '
    /^test result: / {
      for (i = 2; i <= NF; i++) {
        if ($i == "passed;") passed += $(i - 1)
        if ($i == "failed;") failed += $(i - 1)
        if ($i == "ignored;") skipped += $(i - 1)
      }
    }
    END {
      # Tests that did not compile, or a test binary that died, report no result.
      if (status != 0 && failed == 0) failed = 1
      printf "%d passed, %d failed, %d skipped\n", passed, failed + parts, skipped
    }' "$log"
  [[ $status -eq 0 && ${#FAILED[@]} -eq 0 ]]
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
build_for_bench() { in_group cargo build --release --locked --workspace --bins; }
