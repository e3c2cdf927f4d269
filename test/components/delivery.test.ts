import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { format } from '../../components/delivery.ts';
import { digestOf } from '../../configs/files.ts';
import { type Ran, runProgram, stackConfig, types } from './harness.ts';
import { delivered, delivery, type Job, job, jobs, running, secretsOf, texts } from './look.ts';
import { everything } from './stacks.ts';

// What components/delivery.ts makes of jobs. What the jobs do: test/components/jobs; what the plugin does: test/e2e.

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Inputs that the plugin takes and no job has, with what each would break. */
const never: Record<string, string> = {
  update: 'a failed update keeps the old inputs: going back to them would look like no change',
  delete: 'nothing stays on the host for it to remove',
  dir: 'an absolute path, so each checkout would see a change',
  assetPaths: 'would copy files into the state',
  archivePaths: 'would copy files into the state',
};

describe('3.14: every job', () => {
  let ran: Ran;
  let all: Job[];
  beforeAll(async () => {
    ran = await runProgram(everything(), { stack: 'prod' });
    all = jobs(ran);
  });

  test('is a Node program of this checkout, started without a shell and by a relative path', () => {
    expect(all.length).toBeGreaterThan(25);
    for (const { name, inputs } of all) {
      expect(inputs.interpreter, name).toEqual(['node', '--require', './commands/preload.cjs']);
      expect(inputs.create, name).toMatch(/^components\/jobs\/(files|apply|database)\.ts$/);
      for (const path of [inputs.create, inputs.interpreter[2] ?? ''])
        expect(existsSync(`${root}/${path}`), path).toBe(true);
    }
    expect(new Set(all.map(({ script }) => script))).toEqual(new Set(['files', 'apply', 'database']));
  });

  test('has only the inputs that it needs', () => {
    const known = ['addPreviousOutputInEnv', 'create', 'interpreter', 'logging', 'stdin', 'triggers'];
    for (const { name, inputs } of all) expect(Object.keys(inputs).sort(), name).toEqual(known);
    for (const { name, inputs } of all)
      expect(
        Object.keys(inputs).filter((key) => key in never),
        name,
      ).toEqual([]);
  });

  test('logs nothing and leaves its output out of the next environment', () => {
    for (const { name, inputs } of all)
      expect(inputs, name).toMatchObject({ logging: 'none', addPreviousOutputInEnv: false });
  });

  test('removes its predecessor first, and has a time limit of its own', () => {
    for (const { name, deleteBeforeReplace, timeouts, protect } of all) {
      expect(deleteBeforeReplace, name).toBe(true);
      expect(timeouts, name).toEqual({ create: '15m', update: '15m' });
      expect(protect, name).toBe(false);
    }
  });

  test('is told who it is and where the tools are, on standard input', () => {
    for (const { name, told } of all) {
      expect(told.job, name).toEqual({
        project: 'taffrail-prod',
        stack: 'prod',
        owner: '0123456789abcdef',
        name,
      });
      expect(told.tools.id, name).toBe('id-of-image-tools');
      expect(told.tools.reference, name).toMatch(/^busybox:/);
    }
  });

  test('has triggers that are plain', () => {
    for (const { name, inputs, triggers } of all) {
      expect(inputs.triggers, name).toHaveLength(1);
      expect(triggers.format, name).toBe(format);
      expect(
        texts(triggers).filter(([path]) => path.endsWith('.secret')),
        name,
      ).toEqual([]);
    }
  });
});

describe('3.18: two checkouts of one stack', () => {
  /** The inputs that contain a path of this machine. */
  const own = (ran: Ran, path: string): string[] =>
    ran.resources.flatMap(({ name, inputs }) =>
      texts(inputs)
        .filter(([, text]) => text.includes(path))
        .map(([at]) => `${name}${at}`),
    );

  test('have the same inputs: none names the checkout, but for the folder of an image that is built', async () => {
    const ran = await runProgram(everything(), { stack: 'prod' });
    const folder = root.replace(/\/$/, '');
    expect(own(ran, folder)).toEqual(['worker-image.build.context']);
    expect(own(ran, process.execPath)).toEqual([]);
    expect(own(ran, '/node_modules')).toEqual([]);
  });

  test('would be told apart by a path: the search can fail', async () => {
    const ran = await runProgram(everything(), { stack: 'prod' });
    expect(own(ran, 'components/jobs/files.ts').length).toBeGreaterThan(10);
  });
});

describe('where the engine is', () => {
  const environments = async (yaml: string) => {
    const found = jobs(await runProgram(stackConfig(yaml))).map(({ inputs }) => inputs.environment);
    return [...new Set(found.map((one) => JSON.stringify(one)))];
  };

  test('is told to jobs where the settings name it', async () => {
    const address = 'ssh://root@192.0.2.1';
    expect(await environments(`config: {taffrail:dockerHost: '${address}'}`)).toEqual([
      JSON.stringify({ DOCKER_HOST: address }),
    ]);
  });

  test('is not an input where they do not: DOCKER_HOST of whoever runs `up` counts, and no preview shows it', async () => {
    expect(await environments('')).toEqual([undefined]);
  });

  test('is the same for jobs and for containers', async () => {
    const { resources } = await runProgram(stackConfig(`config: {taffrail:dockerHost: 'ssh://a@b'}`));
    const provider = resources.find(({ type }) => type === 'pulumi:providers:docker');
    expect(provider?.inputs).toMatchObject({ host: 'ssh://a@b' });
  });
});

describe('3.14: what is delivered', () => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await runProgram(everything());
  });

  test('has a plain digest for each file, by its path: a preview names the files that change', () => {
    for (const { name, triggers } of running(ran, 'files')) {
      const files = delivered(ran, name.replace(/-files$/, ''));
      expect(triggers.files, name).toEqual(
        Object.fromEntries(Object.entries(files).map(([path, text]) => [path, digestOf(text)])),
      );
    }
    expect(Object.keys(delivery(ran, 'grafana').triggers.files ?? {})).toContain(
      'dashboards/Taffrail/stack.json',
    );
  });

  test('has a fingerprint for each secret, by its path', () => {
    for (const { name, triggers } of running(ran, 'files'))
      expect(Object.keys(triggers.secrets ?? {}).sort(), name).toEqual(
        Object.keys(secretsOf(ran, name.replace(/-files$/, ''))).sort(),
      );
  });

  test('names no path twice in one delivery, or a change of one of them would be seen in neither', () => {
    for (const { name, told } of running(ran, 'files')) {
      const paths = told.targets.flatMap(({ files, secrets = {}, steady }) => [
        ...Object.keys({ ...files, ...secrets }),
        ...Object.keys(steady?.files ?? {}).map((path) => `${steady?.folder ?? ''}/${path}`),
      ]);
      expect(new Set(paths).size, name).toBe(paths.length);
    }
  });

  test('names the volumes: one that somebody removed comes back under another name, and is filled again', () => {
    for (const { name, told, triggers } of running(ran, 'files'))
      expect(triggers.volumes, name).toEqual(told.targets.map(({ volume }) => volume));
  });

  test('changes what runs it again, and nothing else does', async () => {
    const changed = await runProgram(
      everything(undefined, (yaml) =>
        yaml.replace('config:\n', 'config:\n  taffrail:loki: { retention: 48h }\n'),
      ),
    );
    const differ = (one: Ran, other: Ran) =>
      jobs(one)
        .filter(
          ({ name, triggers }) => JSON.stringify(triggers) !== JSON.stringify(job(other, name).triggers),
        )
        .map(({ name }) => name)
        .sort();
    // Ids are the mock's: a real restart job also has the new id of the replaced container.
    expect(differ(ran, changed)).toEqual(['loki-files', 'loki-restart']);
    expect(differ(ran, await runProgram(everything()))).toEqual([]);
    expect(delivery(changed, 'loki').triggers.volumes).toEqual(delivery(ran, 'loki').triggers.volumes);
  });

  test('reaches an App again when another user runs it, who could not read it', async () => {
    const changed = await runProgram(
      everything(undefined, (yaml) => yaml.replace('    bot:\n', "    bot:\n      user: '1234:1234'\n")),
    );
    expect(delivery(ran, 'bot').triggers.owner).toBe('65534:65534');
    expect(delivery(changed, 'bot').triggers.owner).toBe('1234:1234');
    expect(delivery(changed, 'bot').told.owner).toBe('1234:1234');
  });

  test('is judged by the program’s own checker where it has one, in its own image, with the files of the delivery', () => {
    const judged = running(ran, 'files').filter(({ told }) => told.check);
    expect(judged.map(({ name }) => name.replace(/-files$/, '')).sort()).toEqual([
      'blackbox-exporter',
      'loki',
      'prometheus',
      'promtail',
      'socket-proxy',
    ]);
    for (const { name, told } of judged) {
      const program = name.replace(/-files$/, '');
      const image = ran.resources.find(
        ({ inputs, type }) => type === types.container && inputs['name'] === `taffrail-local-${program}`,
      )?.inputs['image'];
      expect(told.check?.image.id, name).toBe(image);
      expect(told.check?.files, name).toEqual(delivered(ran, program));
      expect(told.check?.folder, name).toBe('/etc/taffrail/current');
      expect(told.check?.command.join(' '), name).toContain('/etc/taffrail/current/');
    }
  });

  test('reaches a program all at once, but for what reads fixed paths', () => {
    const layouts = running(ran, 'files').map(({ name, told }) => [
      name.replace(/-files$/, ''),
      told.targets.map(({ layout }) => layout).join(' '),
    ]);
    const { bot, cloudbeaver, ...others } = Object.fromEntries(layouts) as Record<string, string>;
    expect(bot).toBe('in-place');
    expect(cloudbeaver).toBe('in-place in-place add');
    expect(new Set(Object.values(others))).toEqual(new Set(['revisions']));
    // Grafana knows a dashboard by its path, which a new revision would change.
    const steady = running(ran, 'files').flatMap(({ name, told }) =>
      told.targets.flatMap((target) => (target.steady ? [[name, target.steady.folder]] : [])),
    );
    expect(steady).toEqual([['grafana-files', 'dashboards']]);
  });
});

describe('3.14: what is applied', () => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await runProgram(everything(), { stack: 'prod' });
  });

  test('by a module of configs/ that is there and exports `apply`', async () => {
    const modules = running(ran, 'apply').map(({ told }) => told.logic);
    expect(new Set(modules).size).toBe(8);
    for (const path of modules) {
      const module = (await import(/* @vite-ignore */ `../../configs/${path}`)) as { apply?: unknown };
      expect(module.apply, path).toBeTypeOf('function');
    }
  });

  test('keeps a note only on a data volume of its own program', () => {
    const notes = running(ran, 'apply').flatMap(({ name, told }) => (told.note ? [[name, told.note]] : []));
    expect(Object.fromEntries(notes)).toEqual({
      'grafana-reload': '/var/lib/grafana/taffrail.json',
      'cloudbeaver-restart': '/opt/cloudbeaver/workspace/.taffrail.json',
    });
    for (const [name = '', note = ''] of notes) {
      const program = name.replace(/-\w+$/, '');
      const container = ran.resources.find((one) => one.type === types.container && one.name === program);
      const mounts = (container?.inputs['volumes'] ?? []) as {
        volumeName: string;
        containerPath: string;
        readOnly: boolean;
      }[];
      expect(mounts.find(({ containerPath }) => note.startsWith(`${containerPath}/`))).toMatchObject({
        volumeName: `taffrail-prod-${program}-${program === 'grafana' ? 'data' : 'workspace'}`,
        readOnly: false,
      });
    }
  });

  test('the program hands the stack’s name to whoever prints a command to type', () => {
    const printing = running(ran, 'apply').filter(({ told }) =>
      readFileSync(`${root}/configs/${told.logic}`, 'utf8').includes('stack'),
    );
    expect(printing.map(({ name }) => name).sort()).toEqual([
      'cadvisor-proof',
      'cloudbeaver-restart',
      'grafana-reload',
    ]);
    for (const { name, told } of printing) expect(told.told, name).toMatchObject({ stack: 'prod' });
  });
});
