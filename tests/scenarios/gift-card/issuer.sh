#!/usr/bin/env bash
# A participant in shell that issues gift cards, with Kafka's console tools. Like every participant it reads its commands and
# replies to each on saga-replies, with the command's key (the saga's id) and its headers saga_id, step, attempt and action.
# The code is derived from the saga's id, so that a repeated command issues the same card.
#   issuer.sh COMMAND-THAT-RUNS-KAFKA'S-TOOLS...        such as: issuer.sh ./dev kafka
set -euo pipefail
shopt -s lastpipe
"$@" consume gift-card-commands --from-beginning --property print.headers=true --property print.key=true |
  while IFS=$'\t' read -r headers saga command; do
    kind=$(grep -oP '(^|,)ce_type:\K[^,]*' <<<"$headers")
    case $kind in
      gift-card.issue) answer="{\"outcome\":\"ok\",\"data\":{\"code\":\"GC-${saga:0:8}\"}}" ;;
      gift-card.notify | gift-card.conclude) answer='{"outcome":"ok"}' ;;
      *) answer="{\"outcome\":\"refused\",\"reason\":\"unknown_command\",\"detail\":\"$kind\"}" ;;
    esac
    echo "$kind $command: $answer" >&2
    back=$(grep -oP '(^|,)\K(saga_id|step|attempt|action|traceparent):[^,]*' <<<"$headers" | paste -sd,)
    printf 'ce_type:saga.reply,%s\t%s\t%s\n' "$back" "$saga" "$answer"
  done |
  "$@" produce saga-replies --property parse.headers=true --property parse.key=true
