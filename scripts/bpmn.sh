# shellcheck shell=bash
# Validates BPMN documents against the schema of BPMN 2.0, with the Java that Kafka needs.

BPMN_LIBS=$DATA/bpmn-libs
BPMN_POM=$ROOT/scripts/bpmn/pom.xml

fetch_bpmn() {
  ! jars_fetched "$BPMN_POM" "$BPMN_LIBS" || return 0
  warn "Fetching the schema of BPMN 2.0 with Maven (once) …"
  fetch_jars "$BPMN_POM" "$BPMN_LIBS" dependency:copy-dependencies dependency:unpack-dependencies
}

# The validator recognises a document by its file extension and skips files that it can't read: a document is valid only
# if the validator reports it so.
bpmn_command() { # FILE...
  local file count=0 work schema=$BPMN_LIBS/org/camunda/bpm/model/bpmn/schema
  [[ $# -gt 0 ]] || die "Which documents? ./dev bpmn FILE..."
  need java maven
  fetch_bpmn
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  for file; do
    [[ $file == /* ]] || file=$CALLER_DIR/$file
    [[ -f $file ]] || die "There is no file $file."
    count=$((count + 1))
    cp "$file" "$work/$count $(basename "$file").xml"
  done
  "$(java_command)" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.StatusLogger.level=OFF -cp "$BPMN_LIBS/*" \
    org.apache.xmlbeans.impl.tool.InstanceValidator "$schema"/{BPMN20,Semantic,BPMNDI,DI,DC}.xsd "$work"/*.xml \
    >"$work/said" 2>&1 || true
  # Removes Java's stack traces and restores the given file names.
  sed -E -e '/^(	| +at )|^Caused by|^[A-Za-z.]+Exception:/d' -e "s|$work/[0-9]+ ||g" \
    -e 's/\.xml(:[0-9]| valid| NOT valid| not loadable)/\1/g' "$work/said"
  [[ $(grep -c '\.xml valid\.$' "$work/said") -eq $count ]]
}
