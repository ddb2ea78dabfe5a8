# shellcheck shell=bash
# Apache Kafka without an installation: the jars, a single broker in KRaft mode, the console tools.

KAFKA_LIBS=$DATA/kafka-libs
KAFKA_POM=$ROOT/scripts/kafka/pom.xml

java_command() {
  if [[ -n ${JAVA_HOME-} && -x $JAVA_HOME/bin/java ]]; then echo "$JAVA_HOME/bin/java"; else echo java; fi
}

# ---- jars --------------------------------------------------------------------------------------------
jars_fetched() { [[ -f $2/pom.xml ]] && cmp -s "$1" "$2/pom.xml"; } # POM DIR

# Copies the artifacts of a pom into a folder. The copy of the pom is added last, and the folder is moved into place
# when it is complete.
fetch_jars() { # POM DIR GOAL...
  local pom=$1 dir=$2
  local fresh=$dir.$$ log=$DATA/fetch-${dir##*/}.log
  shift 2
  mkdir -p "$DATA"
  if ! mvn -B -f "$pom" "$@" -DoutputDirectory="$fresh" >"$log" 2>&1 </dev/null; then
    grep -m 3 ERROR "$log" >&2 || tail -n 3 "$log" >&2
    rm -rf "$fresh"
    die "Maven could not fetch what is in $pom; details are in $log."
  fi
  cp "$pom" "$fresh/pom.xml"
  # A faster run's folder stays as it is: its jars may be in use.
  if jars_fetched "$pom" "$dir"; then rm -rf "$fresh"; return; fi
  rm -rf "$dir"
  mv "$fresh" "$dir" 2>/dev/null || rm -rf "$fresh"
  jars_fetched "$pom" "$dir" || die "The jars of $pom are not in $dir."
}

kafka_fetched() { jars_fetched "$KAFKA_POM" "$KAFKA_LIBS"; }

fetch_kafka() {
  ! kafka_fetched || return 0
  warn "Fetching Apache Kafka $(sed -n 's/.*<kafka.version>\(.*\)<.*/\1/p' "$KAFKA_POM") with Maven (once) …"
  fetch_jars "$KAFKA_POM" "$KAFKA_LIBS" dependency:copy-dependencies
}

# A tool ends before the second JIT compiler would pay off.
kafka_tool() { # CLASS ARG...
  "$(java_command)" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlevel=WARN \
    -Dlog4j2.configurationFile="$ROOT/scripts/kafka/log4j2.properties" -cp "$KAFKA_LIBS/*" "$@"
}

kafka_command() { # produce TOPIC | consume TOPIC | topics | configs | run CLASS
  local what=${1:-} server=(--bootstrap-server "${KAFKA_BROKERS:-localhost:$KAFKA_PORT}")
  require_kafka
  case $what in
    produce)
      [[ -n ${2:-} ]] || die "Which topic? ./dev kafka produce TOPIC"
      # The time limit applies when the topic does not exist.
      kafka_tool org.apache.kafka.tools.ConsoleProducer "${server[@]}" --producer-property max.block.ms=10000 --topic "${@:2}"
      ;;
    consume)
      [[ -n ${2:-} ]] || die "Which topic? ./dev kafka consume TOPIC [--from-beginning]"
      kafka_tool org.apache.kafka.tools.consumer.ConsoleConsumer "${server[@]}" --topic "${@:2}"
      ;;
    topics | configs)
      shift
      [[ $# -gt 0 || $what == configs ]] || set -- --list
      [[ $# -gt 0 ]] || set -- --describe --entity-type topics
      # The services' messages contain commands that name the brokers.
      [[ " $* " == *" --bootstrap-server "* ]] || set -- "${server[@]}" "$@"
      if [[ $what == topics ]]; then kafka_tool org.apache.kafka.tools.TopicCommand "$@"; else kafka_tool kafka.admin.ConfigCommand "$@"; fi
      ;;
    run)
      [[ -n ${2:-} ]] || die "Which class? ./dev kafka run CLASS [ARG...]"
      kafka_tool "${@:2}"
      ;;
    *) die "usage: ./dev kafka produce TOPIC | consume TOPIC [--from-beginning] | topics [ARG...] | configs [ARG...] | run CLASS [ARG...]" ;;
  esac
}

# ---- a broker ----------------------------------------------------------------------------------------
# After a SIGKILL the controller considers the dead broker alive until its session times out, and the new one waits:
# hence the short session. An idle controller writes a record every 5 s, not twice a second: with 2 s between heartbeats
# an idle broker takes half the CPU. Few threads: the broker shares a small machine with all else, and each request goes
# through both kinds. With 1 and 2 orders take half the time of Kafka's own 3 and 8 on two cores (./dev bench, open-200).
# The controller's port may change: with a static quorum of one only this file names it.
broker_properties() { # DIR PORT CONTROLLER_PORT KEY=VALUE...
  cat <<END
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://localhost:$2,CONTROLLER://localhost:$3
advertised.listeners=PLAINTEXT://localhost:$2
controller.listener.names=CONTROLLER
controller.quorum.voters=1@localhost:$3
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$1/data
auto.create.topics.enable=false
broker.session.timeout.ms=9000
broker.heartbeat.interval.ms=2000
metadata.max.idle.interval.ms=5000
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
END
  # The last of several lines with the same key wins.
  shift 3
  [[ $# -eq 0 ]] || printf '%s\n' "$@"
}

# Requests the API versions, as any client does first. The response begins with its length: bash drops the NUL bytes,
# and the next byte shows that the broker answers.
broker_answers() { # PORT
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf '\0\0\0\012\0\022\0\0\0\0\0\052\377\377' >&3
    LC_ALL=C read -r -t 2 -n 1 -u 3 _
  ) 2>/dev/null
}

# 16 random bytes in base64, without "-": an id beginning with it would be parsed as an option.
cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d =; }

# A broker with listeners of its own, such as TLS, is not asked.
has_own_listeners() { # KEY=VALUE...
  local pair
  for pair; do [[ $pair != listeners=* ]] || return 0; done
  return 1
}

broker_pid() { running_pid "$1/pid"; } # DIR

# broker_start DIR PORT CONTROLLER_PORT KEY=VALUE...: DIR is absolute. Returns when the broker answers.
broker_start() {
  local dir=$1 port=$2 tries
  local config=$dir/server.properties log=$dir/kafka.log
  local java=("$(java_command)")
  mkdir -p "$dir"
  broker_properties "$@" >"$config"
  java+=(-Dlog4j2.configurationFile="$ROOT/scripts/kafka/log4j2.properties" -cp "$KAFKA_LIBS/*")
  if [[ ! -f $dir/data/meta.properties ]]; then
    # shellcheck disable=SC2086
    "${java[@]}" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format \
      --cluster-id "$(cluster_id)" --config "$config" ${KAFKA_FORMAT_OPTS-} >"$dir/format.log" 2>&1 || {
      tail -n 5 "$dir/format.log" >&2
      die "Kafka could not prepare its data directory $dir/data."
    }
  fi
  [[ ! -f $log ]] || mv -f "$log" "$log.1"
  # Word splitting is wanted: each of the two holds several options.
  # shellcheck disable=SC2086
  start_detached "$dir/pid" "$config" "$log" "${java[@]}" ${KAFKA_HEAP_OPTS:--Xmx512m} \
    ${KAFKA_JVM_OPTS:--XX:+UseSerialGC} kafka.Kafka "$config"
  for ((tries = 3600; tries > 0; tries--)); do
    if grep -qs 'Kafka Server started' "$log" && { has_own_listeners "${@:4}" || broker_answers "$port"; }; then return; fi
    # Until the new process has executed java its command line differs: only the pid is checked here.
    if ! kill -0 "$STARTED_PID" 2>/dev/null; then
      rm -f "$dir/pid"
      broker_log_end "$log"
      die "Kafka ended while it was starting; its last lines are above, all of them in $log."
    fi
    sleep 0.05
  done
  broker_log_end "$log"
  die "Kafka (pid $STARTED_PID) does not answer on port $port after 3 minutes; its last lines are above, all of them in $log."
}

# Prints the errors of a log, without the shutdown that follows them.
broker_log_end() { # LOG
  if ! grep -E -A 3 ' (ERROR|FATAL) |^Exception|^Error|Caused by' "$1" | head -n 20 | grep . >&2; then tail -n 10 "$1" >&2; fi
}

broker_command() { # start DIR PORT KEY=VALUE... | stop DIR | kill DIR
  local what=${1:-} dir=${2:-} port=${3:-} pid pair
  case $what in start | stop | kill) ;; *) die "usage: ./dev broker start DIR PORT [KEY=VALUE...] | stop DIR | kill DIR" ;; esac
  [[ -n $dir ]] || die "Which directory? ./dev broker $what DIR"
  [[ $dir == /* ]] || dir=$CALLER_DIR/$dir
  case $what in
    start)
      [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || die "Which port? ./dev broker start DIR PORT [KEY=VALUE...]"
      for pair in "${@:4}"; do [[ $pair == ?*=* ]] || die "\"$pair\" is not KEY=VALUE, a line of server.properties."; done
      if pid=$(broker_pid "$dir"); then
        has_own_listeners "${@:4}" || broker_answers "$port" || die "The broker of $dir (pid $pid) runs already, and not on port $port."
        echo "broker on localhost:$port runs already (pid $pid)"
        return
      fi
      require_kafka
      ! port_in_use "$port" || die "$(port_sentence "$port" "a Kafka broker")"
      broker_start "$dir" "$port" "$(free_port)" "${@:4}"
      echo "broker on localhost:$port (pid $STARTED_PID)"
      ;;
    stop) echo "broker in $dir: $(stop_process "$dir/pid" 30)" ;;
    kill) echo "broker in $dir: $(kill_process "$dir/pid")" ;;
  esac
}
