/**
 * `npm run bench [-- ROUNDS]`: how long the default stack takes, each time beside something that people know: a preview
 * beside that of a program with one network, a fresh `up` beside `docker compose up -d --wait` of the same services.
 * The two are run in turn. Writes docs/benchmarks.md. Images must be there; a stack `local` must be down.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import Docker from 'dockerode';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { decideRig, ensureRig } from '../rig/index.ts';
import { composeOf } from './compose.ts';
import { breakdown, type Pair, rowOf, type Row, type Step } from './figures.ts';

const root = join(import.meta.dirname, '..', '..');
const place = join(root, '.taffrail', 'bench');
const stack = 'bench';
const settings = join(root, `Pulumi.${stack}.yaml`);
const rounds = Number(process.argv[2] ?? 5);

/** Seconds that a command took. @throws Error with its output when it fails */
async function timed(command: string, args: readonly string[], cwd = root): Promise<number> {
  const begun = performance.now();
  const { exitCode, all } = await execa(command, args, { cwd, all: true, reject: false, stdin: 'ignore' });
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}\n${all}`);
  return (performance.now() - begun) / 1000;
}

async function environment(): Promise<void> {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(place, 'state'), { recursive: true });
  writeFileSync(join(place, 'passphrase'), 'of a stack that is thrown away\n', { mode: 0o600 });
  const path = [join(root, 'node_modules', 'node', 'bin')];
  const { use } = await decideRig(process.env);
  if (use) {
    const rig = await ensureRig({ pulumiHome: join(root, '.taffrail', 'pulumi'), progress: () => undefined });
    path.push(...rig.path);
    Object.assign(process.env, rig.env, { DOCKER_HOST: rig.dockerHost });
  }
  Object.assign(process.env, {
    PATH: [...path, process.env['PATH'] ?? ''].join(delimiter),
    PULUMI_BACKEND_URL: `file://${join(place, 'state')}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: join(place, 'passphrase'),
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    PULUMI_DEBUG_COMMANDS: 'true', // shows --event-log
  });
}

const pulumi = (operation: string, ...more: string[]): string[] => [
  operation,
  ...['--stack', stack, '--non-interactive', '--color', 'never', ...more],
];
const up = pulumi('up', '--yes', '--skip-preview');
const destroy = pulumi('destroy', '--yes', '--skip-preview');

/** A program with one network of Docker, in a folder of its own. */
async function neighbourProgram(): Promise<string> {
  const folder = join(place, 'one-network');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'Pulumi.yaml'),
    stringify({
      name: 'one-network',
      main: 'index.js',
      runtime: { name: 'nodejs', options: { typescript: false } },
    }),
  );
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'one-network', main: 'index.js' }));
  writeFileSync(
    join(folder, 'index.js'),
    `const docker = require('@pulumi/docker');\nnew docker.Network('one', { name: 'taffrail-bench-one' });\n`,
  );
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await timed('pulumi', ['stack', 'init', stack, '--non-interactive'], folder);
  await timed('pulumi', up, folder);
  return folder;
}

async function previews(folder: string): Promise<Row> {
  const preview = pulumi('preview', '--expect-no-changes');
  const pairs: Pair[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const pair = { ours: await timed('pulumi', preview), theirs: await timed('pulumi', preview, folder) };
    if (round > 0) pairs.push(pair); // the first one warms up
  }
  return { name: 'preview', what: 'no-change preview, beside a program with one network', pairs };
}

/** The stack as a compose project, with the delivered files in volumes of the benchmark's own. */
async function composeFile(docker: Docker): Promise<{ file: string; volumes: string[] }> {
  const filters = { label: [`dev.taffrail.stack=${stack}`] };
  const found = await docker.listContainers({ filters });
  const containers = await Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect()));
  const networks = await docker.listNetworks({ filters });
  const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters) });
  // What is delivered to them, ownership included. Data volumes are new ones in each round, and so is the proxy's socket.
  const delivered = Volumes.filter(
    ({ Name }) =>
      Name.endsWith('cloudbeaver-workspace') ||
      (!Name.startsWith(`taffrail-${stack}-`) && !Name.includes('-filtered')),
  );
  const prepared = new Map<string, string>();
  for (const { Name } of delivered) {
    const copy = `taffrail-bench-copy-${Name}`;
    await docker.createVolume({ Name: copy });
    await timed('docker', [
      ...['run', '--rm', '-v', `${Name}:/from:ro`, '-v', `${copy}:/to`, '--network', 'none'],
      ...[tools(), 'cp', '-a', '/from/.', '/to/'],
    ]);
    prepared.set(Name, copy);
  }
  const internal = new Set(networks.filter(({ Internal }) => Internal).map(({ Name }) => Name));
  const file = join(place, 'compose.yaml');
  writeFileSync(file, stringify(composeOf('taffrail-bench-compose', containers, prepared, internal)));
  return { file, volumes: [...prepared.values()] };
}

const tools = (): string =>
  execFileSync('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}', 'busybox'], { encoding: 'utf8' })
    .split('\n')[0]
    ?.trim() ?? 'busybox';

interface Told {
  timestamp?: number;
  resourcePreEvent?: { metadata: { urn: string; type: string } };
  resOutputsEvent?: { metadata: { urn: string } };
}

function stepsOf(log: string): Step[] {
  const events = readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told);
  return events.flatMap(({ resourcePreEvent, timestamp = 0 }) => {
    if (!resourcePreEvent) return [];
    const { urn, type } = resourcePreEvent.metadata;
    const end = events.find(({ resOutputsEvent }) => resOutputsEvent?.metadata.urn === urn);
    return [
      { type, name: urn.split('::').at(-1) ?? '', begun: timestamp, done: end?.timestamp ?? timestamp },
    ];
  });
}

async function ups(file: string): Promise<{ row: Row; lines: string[] }> {
  const compose = (...words: string[]): Promise<number> => timed('docker-compose', ['-f', file, ...words]);
  const pairs: Pair[] = [];
  let lines: string[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await timed('pulumi', destroy);
    const log = join(place, `events-${round}`);
    const begun = Date.now() / 1000;
    const ours = await timed('pulumi', [...up, '--event-log', log]);
    const steps = stepsOf(log).map((step) => ({
      ...step,
      begun: step.begun - begun,
      done: step.done - begun,
    }));
    if (round === Math.ceil(rounds / 2)) lines = breakdown(steps, ours);
    await timed('pulumi', destroy);
    const theirs = await compose('up', '-d', '--wait');
    await compose('down', '-v');
    pairs.push({ ours, theirs });
    console.log(`up ${round}: ${ours.toFixed(1)} s, compose ${theirs.toFixed(1)} s`);
  }
  return {
    row: { name: 'up', what: 'fresh `up`, beside `docker compose up -d --wait` of the same services', pairs },
    lines,
  };
}

const document = (rows: readonly Row[], lines: readonly string[]): string => `# Benchmarks

Written by \`npm run bench\`; not by hand. Medians of commands that were run in turn, with the lowest and the highest in
parentheses; the ratio is that of each pair. A machine of ${cpus().length} processors that others use too; commit
${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()}, ${new Date().toISOString().slice(0, 10)}.

| | what | Taffrail | beside it | ratio | rounds |
| --- | --- | --- | --- | --- | --- |
${rows.map(rowOf).join('\n')}

The compose project has the same images, limits, hardening, health checks and networks, and its configuration lies in
volumes already: it checks, delivers and reads back nothing.

## Where a fresh \`up\` goes

Seconds from the start of the command, of the round in the middle. Kinds overlap: what does not depend on one another runs
side by side.

| kind | first begun | last done | slowest |
| --- | --- | --- | --- |
${lines.join('\n')}
`;

async function main(): Promise<void> {
  await environment();
  const docker = new Docker();
  let volumes: string[] = [];
  let folder: string | undefined;
  let file: string | undefined;
  writeFileSync(settings, '');
  try {
    await timed('pulumi', ['stack', 'init', stack, '--non-interactive']);
    await timed('pulumi', up);
    folder = await neighbourProgram();
    const preview = await previews(folder);
    console.log(rowOf(preview));
    ({ file, volumes } = await composeFile(docker));
    const { row, lines } = await ups(file);
    console.log(rowOf(row));
    writeFileSync(join(root, 'docs', 'benchmarks.md'), document([preview, row], lines));
  } finally {
    if (file !== undefined) await execa('docker-compose', ['-f', file, 'down', '-v'], { reject: false });
    await execa('pulumi', destroy, { cwd: root, reject: false });
    if (folder !== undefined) await execa('pulumi', destroy, { cwd: folder, reject: false });
    for (const volume of volumes)
      await docker
        .getVolume(volume)
        .remove()
        .catch(() => undefined);
    rmSync(settings, { force: true });
    rmSync(place, { recursive: true, force: true });
  }
}

await main();
