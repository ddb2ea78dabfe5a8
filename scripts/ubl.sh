# shellcheck shell=bash
# Validates invoices and credit notes against the schema of UBL 2.1, with the Java that Kafka needs.

UBL_LIBS=$DATA/ubl-libs
UBL_POM=$ROOT/scripts/ubl/pom.xml

fetch_ubl() {
  ! jars_fetched "$UBL_POM" "$UBL_LIBS" || return 0
  warn "Fetching the schema of UBL 2.1 with Maven (once) …"
  fetch_jars "$UBL_POM" "$UBL_LIBS" dependency:copy-dependencies dependency:unpack-dependencies
}

ubl_command() { # FILE...
  local ubl=$UBL_LIBS/external/schemas/ubl21/maindoc others=$UBL_LIBS/schemas
  [[ $# -gt 0 ]] || die "Which documents? ./dev ubl FILE..."
  need java maven
  fetch_ubl
  validate_xml "$UBL_LIBS" 512m "$ubl"/UBL-{Invoice,CreditNote}-2.1.xsd "$others"/*.xsd -- "$@"
}
