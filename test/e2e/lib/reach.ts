import { containersOf, exec, inspect, listeningPorts, nameOf } from './engine.ts';

/** One address and port of one container. */
export interface Door {
  container: string;
  network: string;
  address: string;
  port: number;
}

/** Every TCP port on which a running container of a stack listens, at each of its addresses. */
export async function doorsOf(stack: string): Promise<Door[]> {
  const containers = (await containersOf(stack)).filter(({ State }) => State === 'running');
  const doors = await Promise.all(
    containers.map(async (found) => {
      const container = nameOf(found);
      const [{ NetworkSettings }, ports] = await Promise.all([inspect(container), listeningPorts(container)]);
      return Object.entries(NetworkSettings.Networks).flatMap(([network, { IPAddress: address }]) =>
        address ? ports.map((port) => ({ container, network, address, port })) : [],
      );
    }),
  );
  return doors.flat();
}

// For each "address port" of its input: what comes back. `closed` when nobody takes the connection within 3 s.
const prober = `
one() {
  answer=$({ printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1; } | timeout 3 nc "$1" "$2" 2>/dev/null | head -n 1 | tr -d '\\r\\0')
  if [ -n "$answer" ]; then echo "$1 $2 $answer"
  elif timeout 2 nc "$1" "$2" </dev/null >/dev/null 2>&1; then echo "$1 $2 open"
  else echo "$1 $2 closed"
  fi
}
for door in "$@"; do one "\${door%:*}" "\${door##*:}" & done
wait`;

/** What each `address:port` answers to a container that has a shell: `closed`, `open` (silent), or its first line. */
export async function knock(from: string, doors: string[]): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (let at = 0; at < doors.length; at += 40) {
    const { stdout, stderr } = await exec(from, ['sh', '-c', prober, 'knock', ...doors.slice(at, at + 40)]);
    for (const line of stdout.split('\n').filter(Boolean)) {
      const [address = '', port = '', ...said] = line.split(' ');
      answers.set(`${address}:${port}`, said.join(' '));
    }
    if (stdout === '') throw new Error(`${from} cannot knock: ${stderr}`);
  }
  return answers;
}
