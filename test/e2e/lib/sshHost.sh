# The first process of the Docker host that sshHost.ts makes: in its own mount, network, PID, UTS and IPC namespaces.
# When it ends, the kernel ends everything in them.
# $1 the host's folder; $2 the folder of the docker client; $3 its address on the wire; $4 the cgroup of its containers.
# PATH has the engine's programs.
set -eu
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 700 /run/root
mkdir /run/sshd
cp "$1/authorized_keys" "$1/host_key" "$1/sshd_config" /run/sshd/
chmod 600 /run/sshd/*
mount --bind "$1/passwd" /etc/passwd
hostname taffrail-host
ip link set lo up
until ip link set taffrail-ssh1 up 2>/dev/null; do sleep 0.02; done
ip address add "$3/30" dev taffrail-ssh1

cat >/run/containerd.toml <<END
version = 3
root = "$1/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]
[grpc]
address = "/run/containerd.sock"
[ttrpc]
address = "/run/containerd.sock.ttrpc"
END
echo '{}' >/run/daemon.json
containerd --config /run/containerd.toml --log-level warn >"$1/containerd.log" 2>&1 &
until [ -S /run/containerd.sock ]; do sleep 0.02; done
dockerd --config-file /run/daemon.json --data-root "$1/docker" --exec-root /run/docker \
  --containerd /run/containerd.sock --init-path /usr/bin/tini-static --cgroup-parent "$4" >"$1/dockerd.log" 2>&1 &

printf 'SetEnv PATH=%s:/usr/bin:/bin\n' "$2" >>/run/sshd/sshd_config
LD_LIBRARY_PATH="$1/packages/usr/lib/$(uname -m)-linux-gnu" "$1/packages/usr/sbin/sshd" -f /run/sshd/sshd_config -E "$1/sshd.log"
# As an init does: takes in whatever is left behind.
while :; do wait; sleep 1; done
