// The jobs on the engine, in the middle of what can go wrong: killed at each step, an engine that is gone, a full disk, an
// image or a volume that is not what it was, a program that answers nonsense. Volumes and programs are the test's own; what
// `pulumi up` makes of it is in 3-in-turn/5-killed.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApplyTold } from '../../../components/jobs/apply.ts';
import { deliver, type FilesTold } from '../../../components/jobs/files.ts';
import { connectEngine } from '../../../components/jobs/lib/engine.ts';
import { docker, exec, gone, startContainer } from '../lib/engine.ts';
import { type Fate, gateAt, requests } from '../lib/gate.ts';
import { until } from '../lib/http.ts';
import {
  emptyVolume,
  type Ended,
  filesIn,
  helpersOf,
  inForce,
  jobNamed,
  pinned,
  runJob,
  startJob,
} from '../lib/jobs.ts';
import { place } from '../lib/place.ts';
import { ensureStacks } from '../lib/stacks.ts';

const owner = '65534:65534';
const [before, after] = [
  { 'a.yml': 'old', 'rules/b.yml': 'old', 'secrets/key': 'old-key' },
  { 'a.yml': 'new', 'rules/b.yml': 'new', 'secrets/key': 'new-key' },
];
const sh = (script: string): string[] => ['sh', '-c', script];
const volumeOf = (name: string): string => `e2e-deliveries-${name}`;
const volumes: string[] = [];
/** What a delivery is told; `check` is a shell script that judges it. */
const told = (name: string, wanted: typeof before, check?: string): FilesTold => {
  const { 'secrets/key': key, ...files } = wanted;
  return {
    job: jobNamed(name),
    tools: pinned('tools'),
    owner,
    ...(check !== undefined && {
      check: {
        image: pinned('tools'),
        command: sh(check),
        user: owner,
        folder: '/etc/taffrail/current',
        files,
        secrets: ['secrets/key'],
      },
    }),
    targets: [{ volume: volumeOf(name), layout: 'revisions', files, secrets: { 'secrets/key': key } }],
  };
};

/** A volume of that name with the old files in force. */
async function delivered(name: string): Promise<void> {
  volumes.push(volumeOf(name));
  await emptyVolume(volumeOf(name));
  const { code, stderr } = await runJob('files', told(name, before));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

/** Delivers the new files again, undisturbed: they are in force, nothing else is in the volume, and no helper is left. */
async function converges(name: string): Promise<void> {
  const { code, stderr } = await runJob('files', told(name, after, 'true'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(await inForce(volumeOf(name))).toEqual(after);
  const tops = Object.keys(await filesIn(volumeOf(name))).map((path) => path.split('/')[0]);
  expect(new Set(tops).size).toBe(2);
  expect(await helpersOf(name)).toEqual([]);
}

beforeAll(async () => {
  await ensureStacks();
});
afterAll(async () => {
  for (const volume of volumes) await docker.getVolume(volume).remove({ force: true }).catch(gone);
});

describe('a job that is killed', () => {
  /** Kills a delivery once `when` says so, with whatever of it is on the engine. */
  async function killed(name: string, fate: Fate | undefined, request = requests.upload): Promise<void> {
    await delivered(name);
    const gate = fate && (await gateAt(join(place, `${name}.sock`), request, fate));
    const slow = fate === undefined ? 'sleep 600' : undefined;
    const job = startJob('files', told(name, after, slow), gate && { dockerHost: gate.dockerHost });
    const checking = async () => (await helpersOf(name)).some(({ state }) => state === 'running');
    await (gate?.reached ?? until(checking, Boolean, { seconds: 20, every: 50 }));
    process.kill(job.pid, 'SIGKILL');
    expect((await job.ended).code).toBe(128);
    gate?.close();
    // The control: it was in the middle, and one helper is what it left.
    expect(await helpersOf(name)).toHaveLength(1);
  }

  it('3.5: while the checker judges: the old files stay, and its helper goes with the next run', async () => {
    await killed('check', undefined);
    expect((await helpersOf('check'))[0]?.name).toMatch(/-check-check$/);
    expect(await inForce(volumeOf('check'))).toEqual(before);
    await converges('check');
  });

  it('3.5: with half of the files uploaded: the old ones stay', async () => {
    await killed('upload', 'half');
    expect(await inForce(volumeOf('upload'))).toEqual(before);
    await converges('upload');
  });

  it('3.5: before the switch: the old files stay', async () => {
    await killed('switch', 'hold', requests.start);
    expect(await inForce(volumeOf('switch'))).toEqual(before);
    await converges('switch');
  });

  it('3.5: during the switch: the new files are in force, whole', async () => {
    await killed('switched', 'deaf', requests.start);
    const ended = async () => (await helpersOf('switched'))[0]?.state === 'exited';
    expect(await until(ended, Boolean, { seconds: 20, every: 50 })).toBe(true);
    expect(await inForce(volumeOf('switched'))).toEqual(after);
    await converges('switched');
  });
});

describe('a delivery that cannot be made', () => {
  it('3.14: an engine that is gone in the middle is named; the old files stay', async () => {
    await delivered('engine');
    const gate = await gateAt(join(place, 'gone.sock'), requests.upload, 'cut');
    const { code, stderr } = await runJob('files', told('engine', after), { dockerHost: gate.dockerHost });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^The Docker engine at ${gate.dockerHost} does not answer: .+\\n$`));
    expect((await helpersOf('engine')).length).toBeLessThan(2);
    expect(await inForce(volumeOf('engine'))).toEqual(before);
    await converges('engine');
  });

  it('3.14: a volume that somebody removed is named, and none is made in its place', async () => {
    const { code, stderr } = await runJob('files', told('removed', after));
    expect(code).toBe(1);
    const { stack } = told('removed', after).job;
    expect(stderr).toBe(
      `The volume ${volumeOf('removed')} is gone: somebody removed it. To create it again, run: npm run up -- -s ${stack}     (or: pulumi refresh -s ${stack}, then pulumi up -s ${stack})\n`,
    );
    await expect(docker.getVolume(volumeOf('removed')).inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect(await helpersOf('removed')).toEqual([]);
  });

  it('3.14: a full disk is named; the old files stay', async () => {
    const volume = volumeOf('full');
    volumes.push(volume);
    await emptyVolume(volume, { type: 'tmpfs', device: 'tmpfs', o: 'size=256k' });
    // Its content is there for as long as somebody has it mounted.
    const holder = await startContainer({
      name: 'e2e-full-disk',
      network: 'none',
      binds: [`${volume}:/v`],
      command: ['sleep', '600'],
    });
    const inForceThere = async () => (await exec('e2e-full-disk', ['cat', '/v/current/a.yml'])).stdout;
    const script = (text: string) => exec('e2e-full-disk', sh(text), '0');
    try {
      expect(await runJob('files', told('full', before))).toMatchObject({ code: 0 });
      await script('head -c 200000 /dev/zero >/v/ballast');
      const big = { ...after, 'a.yml': 'x'.repeat(100_000) };
      const { code, stderr } = await runJob('files', told('full', big));
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^The disk of the Docker host is full \(no space left on device\); the old files stay\.\n/,
      );
      expect(await inForceThere()).toBe('old');
      expect(await helpersOf('full')).toEqual([]);
      // With room, the next one goes through, and takes away what the failed one left.
      await script('rm /v/ballast');
      expect(await runJob('files', told('full', big))).toMatchObject({ code: 0, stderr: '' });
      expect(await inForceThere()).toBe(big['a.yml']);
      expect((await script('ls /v | wc -l')).stdout.trim()).toBe('2');
    } finally {
      await holder.remove({ force: true, v: true });
    }
  });

  it('3.14: a checker that hangs is ended and named, with what it said; the old files stay', async () => {
    await delivered('hangs');
    // As the job runs it, but for its patience of two minutes.
    const engine = connectEngine();
    try {
      const hangs = deliver(told('hangs', after, 'echo looking; sleep 600'), engine, {
        check: 2,
        switch: 60,
      });
      await expect(hangs).rejects.toThrow(
        /^The check of the new files \(sh -c .*\) failed; nothing was changed: it did not end within 2 s; it said:\nlooking$/,
      );
    } finally {
      engine.close();
    }
    expect(await inForce(volumeOf('hangs'))).toEqual(before);
    expect(await helpersOf('hangs')).toEqual([]);
  });

  it('3.14: an image without the expected checker is named; the old files stay', async () => {
    await delivered('program');
    const { check, ...rest } = told('program', after, 'true');
    if (!check) throw new Error('see above');
    const command = ['promtool', 'check', 'config', '/etc/taffrail/current/a.yml'];
    const { code, stderr } = await runJob('files', { ...rest, check: { ...check, command } });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The image busybox:\S+ cannot run promtool, with which the new files are checked; nothing was changed\. Output:\n\n {2}\S.*promtool/,
    );
    expect(await inForce(volumeOf('program'))).toEqual(before);
    expect(await helpersOf('program')).toEqual([]);
  });
});

describe('a program that is asked what it runs', () => {
  const server = 'e2e-answers';
  // Loki as far as it is asked: ready, and then whatever is in a file.
  const answers =
    'read -r method path rest; if [ "$path" = /ready ]; then printf "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nready"; else cat /tmp/answer; fi';
  beforeAll(async () => {
    await startContainer({
      name: server,
      network: 'none',
      command: sh(`echo '${answers}' >/tmp/answers; while :; do nc -l -p 3100 -e sh /tmp/answers; done`),
    });
  });
  afterAll(async () => {
    await docker.getContainer(server).remove({ force: true, v: true });
  });

  const revision = '0123456789ab';
  const applying = (name: string, port = 3100): ApplyTold => ({
    job: jobNamed(name),
    tools: pinned('tools'),
    service: { title: 'Loki', container: server, image: pinned('tools'), user: owner, port },
    logic: 'loki/apply.ts',
    told: { revision },
  });
  /** Reads it back; `head` is the status line and headers, as they go over the wire. */
  async function readBack(name: string, head: string, body: string): Promise<Ended> {
    const said = await exec(server, ['sh', '-c', 'printf "%b%s" "$0" "$1" >/tmp/answer', head, body]);
    expect(said.code, said.stderr).toBe(0);
    const ended = await runJob('apply', applying(name));
    expect(await helpersOf(name)).toEqual([]);
    return ended;
  }
  const config = `common:\n  cluster_label: ${revision}\n`;
  const ok = (length: number) =>
    `HTTP/1.1 200 OK\\r\\nContent-Length: ${length}\\r\\nConnection: close\\r\\n\\r\\n`;

  it('3.14: the revision is the one; another one, an error, half an answer and none are each told', async () => {
    const good = await readBack('good', ok(config.length), config);
    expect(good).toEqual({ code: 0, stdout: `Loki runs revision ${revision}\n`, stderr: '' });
    const other = config.replace('0123', 'abcd');
    const failed = 'HTTP/1.1 500 Internal Server Error\\r\\nConnection: close\\r\\n\\r\\n';
    const wrong = [
      await readBack('other', ok(other.length), other),
      await readBack('error', failed, 'oops'),
      await readBack('half', ok(1000), config.slice(0, 20)),
      await readBack('nothing', '', ''),
    ];
    expect(wrong.map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    const [another, error, half, nothing] = wrong.map(({ stderr }) => stderr);
    expect(another).toMatch(
      /^Loki may run the old files or the new ones\. Its \/config does not name revision/,
    );
    expect(error).toMatch(/GET \/config answered 500 instead of 200:\noops/);
    for (const silent of [half, nothing]) expect(silent).toMatch(/^Loki .*GET \/config was not answered: .+/);
  });

  it('3.5: killed meanwhile, it leaves one helper, which the next run removes', async () => {
    // Nobody listens there: it would wait for minutes.
    const job = startJob('apply', applying('apply', 3101));
    const waiting = async () => (await helpersOf('apply')).some(({ state }) => state === 'running');
    expect(await until(waiting, Boolean, { seconds: 20, every: 50 })).toBe(true);
    process.kill(job.pid, 'SIGKILL');
    await job.ended;
    expect(await helpersOf('apply')).toHaveLength(1);
    expect(await readBack('apply', ok(config.length), config)).toMatchObject({ code: 0 });
  });

  it('3.14: one that has ended is told with its exit code and its last lines', async () => {
    await startContainer({ name: 'e2e-ended', network: 'none', command: sh('echo out of coffee; exit 3') });
    try {
      const { code, stderr } = await runJob('apply', {
        ...applying('ended'),
        service: { ...applying('ended').service, container: 'e2e-ended' },
      });
      const { stack } = applying('ended').job;
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `Loki does not run: it ended with exit code 3. Its last lines:\n  out of coffee\nFix the cause, then run: npm run up -- -s ${stack}\n`,
      });
    } finally {
      await docker.getContainer('e2e-ended').remove({ force: true, v: true });
    }
  });
});
