# cadvisor.sh PORT SERVICE FOLDER STACK: cAdvisor runs without Docker or containerd too, and then names no container.
set -eu
. /taffrail/http.sh
port=$1
ready /healthz
tries=0
until request GET /metrics && grep -q "container_label_com_docker_compose_service=\"$2\"" /tmp/body; do
  tries=$((tries + 1))
  if [ $tries -ge 30 ]; then
    echo "cAdvisor names no container. It asks containerd, whose socket it expects in $3 of the host."
    echo "Find it there (ls -d /run/containerd /run/docker/containerd), then type:"
    echo "pulumi config set -s $4 --path taffrail:cadvisor.containerd <folder>"
    exit 1
  fi
  sleep 1
done
echo "cAdvisor names containers"
