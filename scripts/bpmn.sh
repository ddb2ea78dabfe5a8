# shellcheck shell=bash
# Validates BPMN documents against the schema of BPMN 2.0, with the Java that Kafka needs.

BPMN_LIBS=$DATA/bpmn-libs
BPMN_POM=$ROOT/scripts/bpmn/pom.xml

fetch_bpmn() {
  ! jars_fetched "$BPMN_POM" "$BPMN_LIBS" || return 0
  warn "Fetching the schema of BPMN 2.0 with Maven (once) …"
  fetch_jars "$BPMN_POM" "$BPMN_LIBS" dependency:copy-dependencies dependency:unpack-dependencies
}

bpmn_command() { # FILE...
  local schema=$BPMN_LIBS/org/camunda/bpm/model/bpmn/schema
  [[ $# -gt 0 ]] || die "Which documents? ./dev bpmn FILE..."
  need java maven
  fetch_bpmn
  validate_xml "$BPMN_LIBS" 256m "$schema"/{BPMN20,Semantic,BPMNDI,DI,DC}.xsd -- "$@"
}
