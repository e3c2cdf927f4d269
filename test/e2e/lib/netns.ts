import { execa } from 'execa';

/** A neighbour of the host: a network namespace of its own, tied to the host by a veth pair. */
export const neighbour = {
  namespace: 'taffrail-e2e',
  /** The host's address towards it; a private one, on which a stack may publish. */
  host: '10.213.77.1',
  address: '10.213.77.2',
} as const;
const [outside, inside] = ['tfe2e0', 'tfe2e1'];

/** Making network namespaces needs root. */
export const canHaveNeighbour = process.getuid?.() === 0;

const ip = (args: string, reject = true) => execa('ip', args.split(' '), { reject });

export async function makeNeighbour(): Promise<void> {
  await removeNeighbour();
  const { namespace, host, address } = neighbour;
  await ip(`netns add ${namespace}`);
  await ip(`link add ${outside} type veth peer name ${inside} netns ${namespace}`);
  await ip(`address add ${host}/30 dev ${outside}`);
  await ip(`link set ${outside} up`);
  await ip(`-n ${namespace} address add ${address}/30 dev ${inside}`);
  await ip(`-n ${namespace} link set ${inside} up`);
  await ip(`-n ${namespace} link set lo up`);
  // Also towards the containers' networks: somebody on the same wire can do that.
  await ip(`-n ${namespace} route add default via ${host}`);
}

export async function removeNeighbour(): Promise<void> {
  await ip(`link delete ${outside}`, false);
  await ip(`netns delete ${neighbour.namespace}`, false);
}

// Which of the given host:port pairs take a connection, seen from where it runs.
const prober = `
const net = require('node:net');
const targets = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const open = [];
let next = 0;
const one = () => new Promise((resolve) => {
  const target = targets[next++];
  if (target === undefined) return resolve(false);
  const [host, port] = target;
  const socket = net.connect({ host, port, timeout: 1500 });
  const end = (isOpen) => { if (isOpen) open.push(host + ':' + port); socket.destroy(); resolve(true); };
  socket.on('connect', () => end(true)).on('error', () => end(false)).on('timeout', () => end(false));
});
const worker = async () => { while (await one()); };
Promise.all(Array.from({ length: 256 }, worker)).then(() => console.log(JSON.stringify(open)));
`;

/** The `host:port` of those targets that take a connection from the neighbour. */
export async function openFromNeighbour(targets: [string, number][]): Promise<string[]> {
  const { stdout } = await execa(
    'nsenter',
    [`--net=/run/netns/${neighbour.namespace}`, process.execPath, '-e', prober],
    { input: JSON.stringify(targets) },
  );
  return JSON.parse(stdout) as string[];
}

/** Runs a listener on the host that the neighbour must find: shows that the search finds what is open. */
export const neighbourFetch = (url: string) =>
  execa('nsenter', [
    `--net=/run/netns/${neighbour.namespace}`,
    process.execPath,
    '-e',
    `fetch(${JSON.stringify(url)}).then((r) => console.log(r.status))`,
  ]).then(({ stdout }) => Number(stdout));
