# shellcheck shell=bash
# The whole system on this machine: up, down, reset, logs.

SAMPLE_ORDER='{"customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","amount":10.5,"items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","amount":200.00,"quantity":1}]}'

pidfile_of() { if [[ $1 == kafka ]]; then echo "$DATA/kafka/pid"; else echo "$DATA/run/$1.pid"; fi; }
log_of() { if [[ $1 == kafka ]]; then echo "$DATA/kafka/kafka.log"; else echo "$DATA/logs/$1.log"; fi; }

# One up, down or reset at a time.
take_turn() {
  mkdir -p "$DATA"
  exec 9>"$DATA/lock"
  if has flock; then flock -n 9 || die "Another ./dev up, down or reset is running: wait until it has ended."; fi
}

# ---- up ----------------------------------------------------------------------------------------------
up() {
  local service running=0 pid
  take_turn
  for service in kafka "${SERVICES[@]}"; do
    ! running_pid "$(pidfile_of "$service")" >/dev/null || running=$((running + 1))
  done
  if ((running == ${#SERVICES[@]} + 1)); then
    say "Everything is up already."
    where_to_go
    return
  fi
  require_all
  require_ports
  fetch_kafka
  # The build first: nothing runs yet when it fails, and the broker does not compete with the compiler.
  build_services || die "The build failed: see above."
  if pid=$(broker_pid "$DATA/kafka"); then
    say "Kafka runs already (pid $pid)."
  else
    say "Starting Kafka …"
    broker_start "$DATA/kafka" "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT"
    echo "Kafka answers on localhost:$KAFKA_PORT (pid $STARTED_PID)."
  fi
  start_services
  place_sample_order
  where_to_go
}

require_ports() {
  local line port what sentences=()
  while IFS= read -r line; do
    port=${line%% *} what=${line#* } what=${what% *}
    if ! running_pid "${line##* }" >/dev/null && port_in_use "$port"; then sentences+=("$(port_sentence "$port" "$what")"); fi
  done < <(ports_and_owners)
  [[ ${#sentences[@]} -eq 0 ]] || die "$(printf '%s\n' "${sentences[@]}")"
}

# The profile of the tests, and with --workspace their features: ./dev test compiles no dependency again.
build_services() {
  local service bins=() start=$SECONDS
  for service in "${SERVICES[@]}"; do bins+=(--bin "$service"); done
  if [[ -x $TARGET/debug/${SERVICES[0]} ]]; then say "Building the services …"
  else say "Building the services (the first time about 5 minutes on two cores) …"; fi
  with_progress cargo build --locked --workspace "${bins[@]}" 9>&- || return
  echo "The services are built ($((SECONDS - start)) s)."
}

start_services() {
  local service binary variable started=()
  mkdir -p "$DATA/logs" "$DATA/run"
  for service in "${SERVICES[@]}"; do
    running_pid "$(pidfile_of "$service")" >/dev/null || started+=("$service")
  done
  [[ ${#started[@]} -eq 0 ]] || say "Starting ${started[*]} …"
  for service in ${started[@]+"${started[@]}"}; do
    binary=$TARGET/debug/$service
    # The logs are read by people here, though they go to a file.
    variable=$(printf '%s__LOG__FORMAT' "$service" | tr 'a-z-' 'A-Z_')
    [[ -n ${!variable-} ]] || export "$variable=text"
    [[ ! -f $(log_of "$service") ]] || mv -f "$(log_of "$service")" "$(log_of "$service").1"
    start_detached "$(pidfile_of "$service")" "$binary" "$(log_of "$service")" "$binary"
  done
  for service in "${SERVICES[@]}"; do wait_until_ready "$service"; done
}

wait_until_ready() { # SERVICE
  local port tries log pid
  port=$(service_port "$1") log=$(log_of "$1")
  read -r pid <"$(pidfile_of "$1")"
  for ((tries = 600; tries > 0; tries--)); do
    if curl -fsS -m 2 -o /dev/null "http://localhost:$port/health/ready" 2>/dev/null; then
      echo "$1 is ready on http://localhost:$port (pid $pid)."
      return
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 10 "$log" >&2
      die "$1 ended while it was starting; its last log lines are above; the whole log is $log. ./dev down stops the rest."
    fi
    sleep 0.1
  done
  curl -sS -m 2 "http://localhost:$port/health/ready" >&2 || true
  tail -n 10 "$log" >&2
  die "$1 is not ready after 60 seconds; its health report and its last log lines are above; the whole log is $log."
}

# ---- the sample order --------------------------------------------------------------------------------
# Prints the result of the order. An order that needs credentials or a payment result is no failure: the services go on.
place_sample_order() {
  local url answer id status code credentials=()
  url=http://localhost:$(service_port order-service)/orders
  if [[ -n ${ORDER_API_KEY-} ]]; then credentials=(--header "X-API-Key: $ORDER_API_KEY")
  elif [[ -n ${ORDER_TOKEN-} ]]; then credentials=(--header "Authorization: Bearer $ORDER_TOKEN"); fi
  say "Placing the sample order:"
  echo "curl -X POST --header \"Content-Type: application/json\" $url -d '$SAMPLE_ORDER'"
  # The status code is the last line.
  answer=$(curl -sS -m 30 -w '\n%{http_code}' -X POST --header "Content-Type: application/json" \
    ${credentials[@]+"${credentials[@]}"} "$url" -d "$SAMPLE_ORDER") || die "The order could not be placed: ./dev logs order-service"
  code=${answer##*$'\n'} answer=${answer%$'\n'*}
  case $code in
    401 | 403) order_needs_credentials "$code" "$answer"; return ;;
  esac
  id=$(json_text id "$answer")
  [[ $code == 201 && -n $id ]] || die "The order was refused ($code): $answer"
  follow_order "$url/$id" ${credentials[@]+"${credentials[@]}"}
  say "Order $id: $status"
  show_timeline "$answer"
  case $status in
    awaiting_payment) order_needs_payment "$id" ;;
    pending | reserved | paid) die "The order has not ended yet: ./dev logs orchestrator" ;;
  esac
}

order_needs_credentials() { # CODE ANSWER
  echo "The order was refused ($1): $(json_text detail "$2")"
  cat <<'END'
The services are up, with authentication on (ORDER_SERVICE__AUTH__…). The sample order needs the key or token of an operator
or of the customer e081ad0f-f83e-4f81-b2d7-23655ac04b8a. Add one of these to the curl above:
  --header "X-API-Key: KEY"
  --header "Authorization: Bearer TOKEN"
ORDER_API_KEY=KEY ./dev up, or ORDER_TOKEN=TOKEN ./dev up, sends it by itself when it starts the services.
END
}

order_needs_payment() { # ID
  cat <<END
The order waits for the result of its payment, and the services go on. To give the result by hand:
  echo '{"orderId":"$1","status":"approved"}' | ./dev kafka produce payment-results
  echo '{"orderId":"$1","status":"declined","reason":"card expired"}' | ./dev kafka produce payment-results
END
}

# Waits up to 90 seconds until the order has ended; with the provider `manual` only until it waits for its payment.
follow_order() { # URL CURL_ARG...: sets answer and status
  local until=$((SECONDS + 90)) wait=30
  [[ ${PAYMENT_SERVICE__PROVIDER__KIND-} != manual ]] || wait=2
  while :; do
    answer=$(curl -sS -m 40 --header "Prefer: wait=$wait" "$@") || die "The order could not be read: ./dev logs order-service"
    status=$(json_text status "$answer")
    case $status in
      awaiting_payment) if [[ $wait == 2 ]]; then return; fi ;;
      pending | reserved | paid) ;;
      *) return ;;
    esac
    ((SECONDS < until)) || return 0
  done
}

json_text() { # KEY JSON: the first text with that key
  printf '%s' "$2" | grep -o "\"$1\" *: *\"[^\"]*\"" | head -n 1 | sed 's/^.*: *"\(.*\)"$/\1/'
}

# One line for each entry: seconds since the first, what happened, and the entry's other fields.
show_timeline() { # JSON
  if has python3 && printf '%s' "$1" | python3 -c '
import json, sys
from datetime import datetime
entries = json.load(sys.stdin)["timeline"]
at = lambda e: datetime.fromisoformat(e["at"].replace("Z", "+00:00"))
first = at(entries[0]) if entries else None
for e in entries:
    rest = {k: v for k, v in e.items() if k != "at" and v is not None}
    words = [str(rest.pop(k)) for k in ("step", "label", "status", "what") if k in rest]
    words += ["%s: %s" % pair for pair in rest.items()]
    print("  %8.3f s  %s" % ((at(e) - first).total_seconds(), "  ".join(words)))
' 2>/dev/null; then return; fi
  printf '%s\n' "$1" | sed -e 's/.*"timeline" *: *\[//' -e 's/\].*//' -e 's/} *, *{/\n/g' -e 's/[{}"]//g' | sed 's/^/  /'
}

where_to_go() {
  local orders dashboard
  orders=http://localhost:$(service_port order-service)/orders dashboard=http://localhost:$(service_port orchestrator)
  cat <<END

Where to go next:
  $orders            the orders (POST, GET; GET $orders/ID shows one)
  $dashboard                   the dashboard: techlead / zup@123
  ./dev kafka produce payment-results     give the result of a payment by hand: {"orderId":"…","status":"approved"}
  ./dev logs [NAME]                       follow the services' logs
  ./dev down                              stop it all; the data stays
END
}

# ---- down, reset, logs -------------------------------------------------------------------------------
down() {
  local service
  take_turn
  # In parallel: none waits for another to end.
  for service in "${SERVICES[@]}"; do
    (echo "$service: $(stop_process "$(pidfile_of "$service")" 15)") &
  done
  wait
  echo "kafka: $(stop_process "$(pidfile_of kafka)" 30)"
}

reset() {
  local service pid
  take_turn
  for service in kafka "${SERVICES[@]}"; do
    ! pid=$(running_pid "$(pidfile_of "$service")") || die "$service runs (pid $pid): stop it first with ./dev down."
  done
  rm -rf "$DATA/kafka" "$DATA/logs" "$DATA/run"
  for service in "${SERVICES[@]}"; do rm -rf "${DATA:?}/$service"; done
  say "All data is deleted: the next ./dev up starts with none."
}

logs() { # [NAME]
  local service files=()
  if [[ -n ${1:-} ]]; then
    [[ -f $(log_of "$1") ]] || die "There is no log of $1: names are kafka ${SERVICES[*]}, and each has a log once it was started."
    files=("$(log_of "$1")")
  else
    for service in "${SERVICES[@]}"; do
      [[ ! -f $(log_of "$service") ]] || files+=("$(log_of "$service")")
    done
    [[ ${#files[@]} -gt 0 ]] || die "There are no logs yet: ./dev up starts the services."
  fi
  # On a terminal the logs are followed until Ctrl-C; a pipe or a file gets their present content.
  if [[ -t 1 ]]; then exec tail -n 100 -F "${files[@]}"; else exec cat "${files[@]}"; fi
}
