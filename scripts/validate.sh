# shellcheck shell=bash
# Validates XML documents against a schema with XMLBeans' validator, which needs no Java compiler.

# The validator recognises a document by its file extension and skips files that it can't read: a document is valid only
# if the validator reports it so.
validate_xml() { # LIBS MEMORY SCHEMA... -- FILE...
  local libs=$1 memory=$2 file count=0 work schemas=()
  shift 2
  while [[ $1 != -- ]]; do schemas+=("$1"); shift; done
  shift
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  for file; do
    [[ $file == /* ]] || file=$CALLER_DIR/$file
    [[ -f $file ]] || die "There is no file $file."
    count=$((count + 1))
    cp "$file" "$work/$count $(basename "$file").xml"
  done
  "$(java_command)" -Xmx"$memory" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.StatusLogger.level=OFF -cp "$libs/*" \
    org.apache.xmlbeans.impl.tool.InstanceValidator "${schemas[@]}" "$work"/*.xml >"$work/said" 2>&1 || true
  # Removes Java's stack traces and restores the given file names.
  sed -E -e '/^(	| +at )|^Caused by|^[A-Za-z.]+Exception:/d' -e "s|$work/[0-9]+ ||g" \
    -e 's/\.xml(:[0-9]| valid| NOT valid| not loadable)/\1/g' "$work/said"
  [[ $(grep -c '\.xml valid\.$' "$work/said") -eq $count ]]
}
