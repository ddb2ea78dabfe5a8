# shellcheck shell=bash
# The software bill of materials: what is compiled into each service, in CycloneDX's format (ECMA-424).

CARGO_CYCLONEDX_VERSION=0.5.9

sbom() { # [DIR]
  local dir=${1:-$TARGET/sbom} tool service file
  [[ $dir == /* ]] || dir=$CALLER_DIR/$dir
  tool=$(cargo_tool cargo-cyclonedx "$CARGO_CYCLONEDX_VERSION") || die "cargo-cyclonedx can't be built."
  mkdir -p "$dir"
  for service in "${SERVICES[@]}"; do
    # It writes into the package's folder, and beside every member that the package depends on.
    CARGO_NET_OFFLINE=${CARGO_NET_OFFLINE-} "$tool" cyclonedx --quiet --manifest-path "$ROOT/$service/Cargo.toml" \
      --format json --spec-version 1.5 --all --target all --override-filename "$service.sbom" ||
      die "cargo-cyclonedx could not describe $service."
    file=$service/$service.sbom.json
    [[ -s $file ]] || die "cargo-cyclonedx wrote no $file."
    mv "$file" "$dir/$service.cdx.json"
    find "$ROOT" -path "$TARGET" -prune -o -name "$service.sbom.json" -exec rm -f {} +
    echo "$dir/$service.cdx.json: $(grep -c '"purl"' "$dir/$service.cdx.json") components"
  done
}
