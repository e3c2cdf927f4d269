import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretPath } from '../../../configs/paths.ts';
import { prometheusPasswordFile } from '../../../configs/prometheus/listen.ts';
import { Canaries } from '../lib/canaries.ts';
import { stateFolder } from '../lib/copy.ts';
import { docker as ownEngine } from '../lib/engine.ts';
import { basic } from '../lib/http.ts';
import {
  alias,
  asSshUser,
  canHaveSshHost,
  configureSsh,
  makeSshHost,
  removeSshHost,
  type SshHost,
} from '../lib/sshHost.ts';
import { type Run, runIn, Stack } from '../lib/stack.ts';

// A VPS as its owner has it: the stack is made from here, Docker is there, and between them is only ssh.
const stack = new Stack('e2e-ssh');
const secret = `canary-ssh-${randomBytes(12).toString('hex')}`;
const settings = {
  dockerHost: `ssh://${alias}`,
  host: 'e2e-host-ssh',
  grafana: { port: 23002, adminPassword: 'grafanaAdminPassword' },
  prometheus: { scrapeInterval: '5s' },
  promtail: { refresh: '2s' },
  cloudbeaver: { enabled: false },
  cadvisor: { enabled: false },
  nodeExporter: { enabled: false },
  blackboxExporter: { enabled: false },
};
const services = ['grafana', 'loki', 'prometheus', 'promtail', 'socket-proxy'];
let host: SshHost;

/** A command of the person whose ssh configuration it is. */
const mine = (name: string, ...command: string[]): Promise<Run> => {
  const [program = '', ...args] = asSshUser(command);
  return runIn(`${stack.name}-${name}`, program, args);
};
const npm = (command: string, ...more: string[]): Promise<Run> =>
  mine(`npm-${command}`, 'npm', 'run', command, '--', '-s', stack.name, ...more);

interface Engine {
  listContainers: typeof ownEngine.listContainers;
  listNetworks: typeof ownEngine.listNetworks;
  listVolumes: typeof ownEngine.listVolumes;
}
/** What of the stack is on an engine, helpers too. */
async function present(engine: Engine): Promise<string[]> {
  const [containers, networks, volumes] = await Promise.all([
    engine.listContainers({ all: true }),
    engine.listNetworks(),
    engine.listVolumes(),
  ]);
  // The engine says null for none, whatever the type says.
  const found = volumes.Volumes as typeof volumes.Volumes | null;
  return [
    ...containers.flatMap(({ Names }) => Names.map((name) => name.slice(1))),
    ...networks.map(({ Name }) => Name),
    ...(found ?? []).map(({ Name }) => Name),
  ]
    .filter((name) => name.includes(stack.project))
    .sort();
}
/** Names and lives of the stack's containers there. */
async function lives(): Promise<string[]> {
  const containers = await host.docker.listContainers({ all: true });
  const details = await Promise.all(containers.map(({ Id }) => host.docker.getContainer(Id).inspect()));
  return details
    .map(
      ({ Name, Id, State }) =>
        `${Name.slice(stack.project.length + 2)} ${Id} ${State.Status} ${State.StartedAt}`,
    )
    .sort();
}
const namesOf = (all: string[]): string[] => all.map((life) => life.split(' ')[0] ?? '');

/** Asks a program there, where it is published or at its container's address. */
async function fetchThere(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const script = `fetch(${JSON.stringify(url)}, { headers: JSON.parse(require('node:fs').readFileSync(0, 'utf8')) }).then(async (r) => console.log(JSON.stringify({ status: r.status, body: await r.text() })))`;
  return JSON.parse(await host.inNetwork([process.execPath, '-e', script], JSON.stringify(headers))) as {
    status: number;
    body: string;
  };
}
async function runningConfig(): Promise<string> {
  const { NetworkSettings } = await host.docker.getContainer(`${stack.project}-prometheus`).inspect();
  const [, { IPAddress } = { IPAddress: '' }] =
    Object.entries(NetworkSettings.Networks).find(([name]) => name.endsWith('-stores')) ?? [];
  const { status, body } = await fetchThere(
    `http://${IPAddress}:9090/api/v1/status/config`,
    basic('taffrail', await prometheusPassword()),
  );
  expect(status).toBe(200);
  return (JSON.parse(body) as { data: { yaml: string } }).data.yaml;
}
async function prometheusPassword(): Promise<string> {
  const run = await host.docker
    .getContainer(`${stack.project}-prometheus`)
    .exec({ Cmd: ['cat', secretPath(prometheusPasswordFile)], AttachStdout: true, Tty: true });
  const stream = await run.start({ Tty: true });
  let said = '';
  for await (const chunk of stream) said += String(chunk);
  return said.trim();
}

/** Command lines and environments of the host's processes, searched again and again while something runs. */
async function watched<T>(
  canaries: Canaries,
  work: Promise<T>,
): Promise<{ result: T; seen: Set<string>; found: string[] }> {
  const seen = new Set<string>();
  const found = new Set<string>();
  const still = { going: true };
  void work.finally(() => (still.going = false)).catch(() => undefined);
  while (still.going) {
    for (const pid of host.processes()) {
      try {
        const [command, environment] = ['cmdline', 'environ'].map((file) =>
          readFileSync(`/proc/${String(pid)}/${file}`),
        );
        seen.add((command ?? '').toString().replaceAll('\0', ' ').trim());
        for (const name of canaries.in(Buffer.concat([command ?? Buffer.of(), environment ?? Buffer.of()])))
          found.add(`${name} in ${(command ?? '').toString().split('\0')[0] ?? ''}`);
      } catch {
        // It has ended meanwhile.
      }
    }
    await sleep(50);
  }
  return { result: await work, seen, found: [...found] };
}

describe.skipIf(!canHaveSshHost)('a host behind ssh', () => {
  beforeAll(async () => {
    host = await makeSshHost();
    await Promise.all([
      host.loadImages(['prometheus', 'loki', 'promtail', 'grafana', 'socketProxy', 'tools']),
      stack.init(settings, { grafanaAdminPassword: secret }),
    ]);
  });
  afterAll(async () => {
    await removeSshHost();
    // Only where `down` has not done it.
    if (existsSync(join(stateFolder, '.pulumi', 'stacks', 'taffrail', `${stack.name}.json`)))
      await runIn(`${stack.name}-rm`, 'pulumi', ['stack', 'rm', stack.name, '--force', '--yes']);
    stack.forget();
  });

  it('a wrong key, an unknown host and one with another key: each one sentence and the next command; nothing is changed', async () => {
    for (const [other, reason, next] of [
      [
        { key: 'stranger' },
        /does not answer: root@10\.213\.78\.2: Permission denied \(publickey\)\.\n/,
        `ssh-copy-id ${alias}`,
      ],
      [
        { knownHosts: 'nobody' },
        /does not answer: .*(Host key verification failed\.|host key is known for.*)\n/,
        `ssh ${alias} true`,
      ],
      [
        { knownHosts: 'other_known_hosts' },
        /does not answer: Host key for 10\.213\.78\.2 has changed.*\n/,
        `ssh-keygen -R 10.213.78.2 && ssh ${alias} true`,
      ],
    ] as const) {
      configureSsh(other);
      const { code, output } = await npm('up').finally(() => {
        configureSsh();
      });
      expect(code, output).toBe(1);
      expect(output).toMatch(reason);
      expect(output).toContain(`\n  ${next}   # `);
      expect(output).toContain('Nothing was changed.');
    }
    expect(await present(host.docker)).toEqual([]);
  });

  it('`up` brings everything up there, with the person’s own ssh configuration, and nothing here', async () => {
    const { result: up, seen, found } = await watched(new Canaries({ secret }), npm('up'));
    expect(up.code, up.output).toBe(0);
    expect(namesOf(await lives())).toEqual(services);
    expect((await lives()).filter((life) => !life.includes(' running '))).toEqual([]);
    expect((await present(host.docker)).length).toBeGreaterThan(12);
    expect(await present(ownEngine)).toEqual([]);
    const who = (password: string) => fetchThere('http://127.0.0.1:23002/api/org', basic('admin', password));
    expect((await who(secret)).status).toBe(200);
    expect((await who('admin')).status).toBe(401);
    // How a person gets there from this machine.
    expect(up.output).toContain(`ssh -N -L 23002:127.0.0.1:23002 ${alias}`);
    // Secrets go through ssh, and are in no process list there.
    expect([...seen].filter((command) => /docker system dial-stdio$/.test(command)).length).toBeGreaterThan(
      0,
    );
    expect(found).toEqual([]);
  });

  it('the search finds a secret that a process there was given', async () => {
    const { found } = await watched(
      new Canaries({ secret }),
      mine('planted', 'ssh', alias, `echo ${secret} >/dev/null; sleep 0.5; true`),
    );
    expect(found.length).toBeGreaterThan(0);
  });

  it('sshd was at its default limits, and took many logins', () => {
    const log = host.sshdLog();
    expect(log.match(/^Accepted publickey for root /gm)?.length).toBeGreaterThan(10);
    // The limit is there: what the next test lowers is not lowered yet.
    expect(log).not.toContain('Received SIGHUP');
  });

  it('a preview without changes says so', async () => {
    const preview = await mine(
      'preview',
      'pulumi',
      'preview',
      '-s',
      stack.name,
      '--non-interactive',
      '--expect-no-changes',
    );
    expect(preview.code, preview.output).toBe(0);
  });

  it('an edit reloads without a restart', async () => {
    const before = await lives();
    expect(await runningConfig()).toContain('scrape_interval: 5s');
    stack.configure({ prometheus: { scrapeInterval: '7s' } });
    const preview = await mine(
      'preview',
      'pulumi',
      'preview',
      '-s',
      stack.name,
      '--non-interactive',
      '--expect-no-changes',
    );
    expect(preview.code, preview.output).not.toBe(0);
    const up = await npm('up');
    expect(up.code, up.output).toBe(0);
    expect(await runningConfig()).toContain('scrape_interval: 7s');
    expect(await lives()).toEqual(before);
  });

  it('where sshd lets one in at a time, jobs and commands log in again', async () => {
    await host.configureSshd('MaxStartups 1:100:2');
    const before = await lives();
    const seen = host.sshdLog().length;
    // Two programs, so that their jobs log in side by side.
    stack.configure({ prometheus: { scrapeInterval: '6s' }, promtail: { refresh: '3s' } });
    const up = await npm('up');
    expect(up.code, up.output).toBe(0);
    expect(await runningConfig()).toContain('scrape_interval: 6s');
    expect(await lives()).toEqual(before);
    expect(host.sshdLog().slice(seen)).toMatch(/^drop connection .* past MaxStartups$/m);
  });

  it('`down` removes everything there, helpers and images included', async () => {
    await host.configureSshd('');
    // What an interrupted job leaves.
    const image = (await host.docker.listImages()).find(({ RepoTags }) =>
      RepoTags?.some((tag) => tag.includes('busybox')),
    );
    const [any] = await host.docker.listContainers({ all: true });
    await host.docker.createContainer({
      name: `${stack.project}-loki-files`,
      Image: image?.Id ?? '',
      Cmd: ['true'],
      Labels: { ...any?.Labels, 'dev.taffrail.job': 'loki-files' },
    });
    const down = await npm('down', '--yes');
    expect(down.code, down.output).toBe(0);
    expect(down.output).toMatch(/1 helper of interrupted jobs/);
    expect(await present(host.docker)).toEqual([]);
    expect(await host.docker.listImages()).toEqual([]);
  });
});
