# A synthetic Telegram bot that honours system A's contract: the five metrics on :8080/metrics, JSON lines with the
# events and fields of its dashboard, secrets as files. It talks to nobody. PACE is the time between two lines.
set -eu
pace=${PACE:-1}
secrets=${SECRETS_DIR:-/run/secrets}
www=${METRICS_DIR:-/tmp/www}

stamp() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# line LEVEL LOGGER HANDLER EVENT [FIELDS]
line() {
  printf '{"timestamp":"%s","level":"%s","logger":"%s","handler":"%s","event":"%s","user_id":%d,"chat_id":%d%s}\n' \
    "$(stamp)" "$1" "$2" "$3" "$4" "$user" "$chat" "${5:+,$5}"
}

# All counters are a function of the round, so that a test can work out what they must be.
metrics() {
  cat <<END
# HELP bot_messages_total Total messages received
# TYPE bot_messages_total counter
bot_messages_total{chat_type="private",handler="claude"} $((round * 3))
bot_messages_total{chat_type="group",handler="claude"} $round
bot_messages_total{chat_type="private",handler="files"} $((round / 2))
# HELP bot_tokens_total Total tokens used
# TYPE bot_tokens_total counter
bot_tokens_total{type="input",model="opus"} $((round * 900))
bot_tokens_total{type="output",model="opus"} $((round * 210))
bot_tokens_total{type="cache",model="haiku"} $((round * 4000))
# HELP bot_response_seconds Response time in seconds
# TYPE bot_response_seconds histogram
END
  for handler in claude files; do
    for bucket in 0.1:0 0.5:1 1:4 2:8 5:9 10:10 30:10 60:10 +Inf:10; do
      echo "bot_response_seconds_bucket{handler=\"$handler\",le=\"${bucket%:*}\"} $((round * ${bucket#*:}))"
    done
    echo "bot_response_seconds_sum{handler=\"$handler\"} $((round * 14))"
    echo "bot_response_seconds_count{handler=\"$handler\"} $((round * 10))"
  done
  cat <<END
# HELP bot_active_users Number of active users in last hour
# TYPE bot_active_users gauge
bot_active_users $((40 + round % 20))
# HELP bot_balance_total_usd Total user balance in USD
# TYPE bot_balance_total_usd gauge
bot_balance_total_usd $((1200 + round % 7)).$((round % 10))5
END
}

serve() {
  mkdir -p "$www/metrics"
  metrics >"$www/metrics/index.txt"
  httpd -f -p 8080 -h "$www" -c /bot/httpd.conf &
}

say() {
  user=$((100000 + round % 50))
  chat=$((200000 + round % 30))
  case $((round % 14)) in
    0) line info users start user.new_user_joined '"username":"anna"' ;;
    1) line info claude claude claude_handler.thread_created "\"thread_id\":$round" ;;
    2) line info claude claude claude_handler.message_received '"is_new_thread":true' ;;
    3) line info claude claude claude_handler.response_complete '"input_tokens":900,"output_tokens":210,"thinking_tokens":40,"cache_read_tokens":4000,"model_id":"opus"' ;;
    4) line info claude claude claude_handler.user_charged '"model_id":"opus","cost_usd":0.0235' ;;
    5) line info stars payments stars.donation_received '"stars_amount":50' ;;
    6) line info stars payments stars.refund_processed '"stars_amount":10' ;;
    7) line info tools claude tools.loop.user_charged_for_tool '"tool_name":"run_python","cost_usd":0.004' ;;
    8) line info tools claude tools.web_search.user_charged '"cost_usd":0.01' ;;
    9) line info files files files.user_file_received '"file_type":"image"' ;;
    10) line info files files files.bot_file_sent '"file_type":"pdf"' ;;
    11) line debug claude claude claude_handler.chunk_sent '"chunk":3' ;;
    12) line warning claude claude claude_handler.slow_response '"seconds":12' ;;
    13) line error claude claude claude_handler.failed '"error":"upstream answered 529"' ;;
  esac
}

round=0 user=0 chat=0
# The container's stop ends the loop at once: sleep runs in the background and the shell waits for it.
trap 'exit 0' TERM INT
for file in "$secrets"/*; do
  [ -f "$file" ] || continue
  line info main startup startup.secret_read "\"secret\":\"${file##*/}\",\"bytes\":$(wc -c <"$file")"
done
line info main startup startup.complete "\"database\":\"${DATABASE_HOST:-none}\""
serve
while :; do
  round=$((round + 1))
  say
  metrics >"$www/metrics/.new" && mv "$www/metrics/.new" "$www/metrics/index.txt"
  sleep "$pace" &
  wait $!
done
