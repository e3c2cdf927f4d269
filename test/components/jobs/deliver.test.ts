import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deliver, type FilesTold, placeholder } from '../../../components/jobs/files.ts';
import { connectEngine, type Engine } from '../../../components/jobs/lib/engine.ts';
import { JobError } from '../../../components/jobs/lib/errors.ts';
import { PretendedEngine } from './pretendedEngine.ts';

let docker: PretendedEngine;
let engine: Engine;
beforeEach(async () => {
  docker = await new PretendedEngine().start();
  docker.volumes.set('config', new Map());
  engine = connectEngine(docker.address);
});
afterEach(() => {
  engine.close();
  docker.stop();
});

const job = { project: 'taffrail-s', stack: 's', owner: 'o', name: 'loki-files' };
const told = (rest: Partial<FilesTold> = {}): FilesTold => ({
  job,
  tools: { id: 'sha256:tools', reference: 'tools:1' },
  owner: '472:0',
  targets: [
    {
      volume: 'config',
      layout: 'revisions',
      files: { 'loki.yml': 'new' },
      secrets: { 'secrets/key': 's3cret' },
    },
  ],
  ...rest,
});
const check = {
  image: { id: 'sha256:service', reference: 'loki:3' },
  command: ['/usr/bin/loki', '-verify-config'],
  user: '472:0',
  folder: '/etc/taffrail/current',
  files: { 'loki.yml': 'new', 'rules/a.yml': 'rule' },
  secrets: ['secrets/key'],
};
const limits = { check: 0.3, switch: 0.3 };
const failure = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(JobError);
  return (error as JobError).message;
};
const volume = (): string[] => [...(docker.volumes.get('config') ?? new Map<string, unknown>()).keys()];
const uploads = (): string[] => docker.requests.filter((line) => line.startsWith('PUT'));

describe('deliver', () => {
  test("into an empty volume: nothing is started, owner and modes are the archive's", async () => {
    expect(await deliver(told(), engine)).toBe('delivered 1 files');
    expect(docker.requests.filter((line) => line.endsWith('/start'))).toEqual([]);
    const tree = docker.volumes.get('config');
    const link = tree?.get('current')?.link ?? '';
    expect(tree?.get('')).toMatchObject({ owner: '472:0', mode: 0o755 });
    expect(tree?.get(`${link}/loki.yml`)).toMatchObject({ owner: '472:0', mode: 0o644, content: 'new' });
    expect(tree?.get(`${link}/secrets/key`)).toMatchObject({
      owner: '472:0',
      mode: 0o400,
      content: 's3cret',
    });
    expect(docker.names).toEqual([]);
  });

  test('over old files: the script is run as their owner, without a network', async () => {
    await deliver(told(), engine);
    const scripts: string[] = [];
    docker.program = ({ container: { files, spec } }) => {
      expect(spec).toMatchObject({ Entrypoint: ['sh'], Cmd: ['/switch.sh'], User: '472:0' });
      expect(spec.HostConfig.NetworkMode).toBe('none');
      // None of compose's: Promtail follows containers by their project, and this one's output is in no log.
      expect(Object.keys(spec.Labels).sort()).toEqual([
        'dev.taffrail.job',
        'dev.taffrail.owner',
        'dev.taffrail.stack',
      ]);
      scripts.push(files.get('switch.sh')?.content ?? '');
      return 0;
    };
    await deliver(told(), engine);
    expect(scripts).toHaveLength(1);
    expect(scripts[0]).toMatch(
      /^set -eu\nln -sfn revision-\w+ .*\nmv -T .*\nrm -rf '\/target-0\/revision-\w+'\n$/,
    );
    expect(scripts[0]).not.toContain('s3cret');
    expect(docker.names).toEqual([]);
  });

  test('the checker finds the new files with placeholders for secrets', async () => {
    docker.program = ({ container: { files } }) => {
      expect(files.get('etc/taffrail/current/loki.yml')).toMatchObject({ content: 'new', owner: '472:0' });
      expect(files.get('etc/taffrail/current/secrets/key')?.content).toBe(placeholder);
      expect(files.get('etc/taffrail/current/rules')).toMatchObject({ owner: '472:0', mode: 0o755 });
      expect(files.has('etc')).toBe(false);
      return 0;
    };
    await deliver(told({ check }), engine);
    expect(volume()).toContain('current');
  });

  test('a check that refuses: its words, nothing uploaded, no helper left', async () => {
    docker.program = ({ say }) => {
      say('checking\n');
      say('line 3: unknown field "scrap"\n', 2);
      return 1;
    };
    const message = await failure(deliver(told({ check }), engine));
    expect(message).toContain('/usr/bin/loki refuses the new files; nothing was changed.');
    expect(message).toContain('\n  checking\n  line 3: unknown field "scrap"\n');
    expect(volume()).toEqual([]);
    expect(docker.names).toEqual([]);
  });

  test('a check that hangs is ended, with what it said so far', async () => {
    docker.program = ({ say }) => {
      say('reading');
      return new Promise(() => undefined);
    };
    const message = await failure(deliver(told({ check }), engine, limits));
    expect(message).toMatch(/nothing was changed: it did not end within 0\.3 s; it said:\nreading$/);
    expect(docker.names).toEqual([]);
    expect(volume()).toEqual([]);
  });

  test('a check that closes its output and runs on is ended, too', async () => {
    docker.program = ({ stdin }) => {
      stdin.end();
      return new Promise(() => undefined);
    };
    expect(await failure(deliver(told({ check }), engine, limits))).toContain('did not end within 0.3 s');
    expect(docker.names).toEqual([]);
  });

  test('a checker that cannot be started', async () => {
    docker.fault = (line) =>
      line.endsWith('/start') ? { status: 400, message: 'exec: "/usr/bin/loki": no such file' } : undefined;
    expect(await failure(deliver(told({ check }), engine))).toContain('exec: "/usr/bin/loki": no such file');
    expect(docker.names).toEqual([]);
  });

  test('an image without the checker: no word of a refusal, the image and the program are named', async () => {
    docker.program = ({ say }) => {
      say('[FATAL tini (7)] exec /usr/bin/loki failed: No such file or directory\n', 2);
      return 127;
    };
    const message = await failure(deliver(told({ check }), engine));
    expect(message).toContain(
      `The image ${check.image.reference} cannot run /usr/bin/loki, with which the new files are checked; nothing was changed.`,
    );
    expect(message).toContain('\n  [FATAL tini (7)] exec /usr/bin/loki failed');
    expect(message).not.toContain('refuses');
    expect(volume()).toEqual([]);
    expect(docker.names).toEqual([]);
  });

  test('output without end is kept within bounds', async () => {
    docker.program = ({ say }) => {
      for (let line = 0; line < 2000; line += 1) say(`line ${line} ${'x'.repeat(100)}\n`);
      return 1;
    };
    const message = await failure(deliver(told({ check }), engine));
    expect(message.length).toBeLessThan(20_000);
    expect(message).toContain('line 1999 ');
  });

  test('the script fails: its words', async () => {
    await deliver(told(), engine);
    docker.program = ({ say }) => {
      say("mv: can't rename", 2);
      return 1;
    };
    expect(await failure(deliver(told(), engine))).toMatch(
      /could not be put in place: the old ones or the new ones are in force. Output:\nmv: can't rename$/,
    );
    expect(docker.names).toEqual([]);
  });

  test('a full disk, whoever meets it first', async () => {
    docker.fault = (line) =>
      line.startsWith('PUT') ? { status: 500, message: 'write /x: no space left on device' } : undefined;
    for (const wanted of [told(), told({ check })]) {
      const message = await failure(deliver(wanted, engine));
      expect(message).toContain('The disk of the Docker host is full');
      expect(message).toContain('docker system df');
    }
    expect(docker.names).toEqual([]);
  });

  test("a checker's own words about a full device are its words", async () => {
    docker.program = ({ say }) => {
      say('/tmp/x: no space left on device');
      return 1;
    };
    expect(await failure(deliver(told({ check }), engine))).toContain('refuses the new files');
  });

  test('a volume that somebody removed is not made again without labels', async () => {
    docker.volumes.clear();
    expect(await failure(deliver(told(), engine))).toContain('The volume config is gone');
    expect(docker.requests).not.toContain('POST /containers/create');
  });

  test('several volumes in one helper', async () => {
    docker.volumes.set('other', new Map());
    const targets: FilesTold['targets'] = [
      ...told().targets,
      { volume: 'other', layout: 'in-place', files: { 'conf/x': 'x' } },
    ];
    expect(await deliver(told({ targets }), engine)).toBe('delivered 2 files');
    expect([...(docker.volumes.get('other') ?? new Map<string, unknown>()).keys()]).toEqual([
      '',
      'conf',
      'conf/x',
    ]);
    expect(uploads()).toHaveLength(1);
  });

  test('`add` looks at its own files only, secrets included', async () => {
    const entry = { owner: '472:0', mode: 0o400, content: 'old' };
    docker.volumes.set('config', new Map([['key', { path: 'key', ...entry }]]));
    const targets: FilesTold['targets'] = [
      { volume: 'config', layout: 'add', files: { a: 'a' }, secrets: { key: 'new' } },
    ];
    await deliver(told({ targets }), engine);
    // By a rename, which the pretended script does not do.
    expect(docker.volumes.get('config')?.get('key')?.content).toBe('old');
    expect(volume().filter((path) => path.endsWith('/key'))).toHaveLength(1);
  });
});

describe('the image of a helper', () => {
  const pruned = { tools: { id: 'sha256:gone', reference: 'tools:1' } };

  test('that was pruned is pulled by its reference', async () => {
    docker.registry.set('tools:1', { id: 'sha256:gone' });
    await deliver(told(pruned), engine);
    expect(docker.requests.filter((line) => line === 'POST /images/create')).toHaveLength(1);
    expect(volume()).toContain('current');
  });

  test('whose tag has moved on is used by its reference', async () => {
    docker.registry.set('tools:1', { id: 'sha256:newer' });
    await deliver(told(pruned), engine);
    expect(volume()).toContain('current');
  });

  test.each([
    ['in the stream', { error: 'toomanyrequests: rate limit' }],
    ['at once', { error: 'toomanyrequests: rate limit', status: 500 }],
  ])('that cannot be pulled is named; the registry says so %s', async (_, answer) => {
    docker.registry.set('tools:1', answer);
    expect(await failure(deliver(told(pruned), engine))).toBe(
      'Unable to pull image tools:1: toomanyrequests: rate limit',
    );
    expect(docker.names).toEqual([]);
  });
});

describe('the name of a helper', () => {
  test('that one of an interrupted run has is taken from it', async () => {
    const left = docker.add('taffrail-s-loki-files');
    left.spec = {
      ...left.spec,
      Labels: { 'dev.taffrail.job': 'loki-files', 'dev.taffrail.owner': 'o' },
    };
    await deliver(told(), engine);
    expect(docker.names).toEqual([]);
    expect(volume()).toContain('current');
  });

  test.each([
    ['of somebody else', {}],
    ['of another checkout', { 'dev.taffrail.job': 'loki-files', 'dev.taffrail.owner': 'another' }],
  ])('that a container %s has: it is not touched', async (_, Labels) => {
    const foreign = docker.add('taffrail-s-loki-files');
    foreign.spec = { ...foreign.spec, Labels };
    expect(await failure(deliver(told(), engine))).toContain('is already in use by container');
    expect(docker.names).toEqual(['taffrail-s-loki-files']);
    expect(docker.requests.filter((line) => line.startsWith('DELETE'))).toEqual([]);
  });
});

describe('an engine that goes', () => {
  test.each(['GET /containers/', 'PUT /containers/', 'POST /containers/create'])(
    'during %s',
    async (during) => {
      docker.fault = (line) => {
        if (!line.startsWith(during)) return undefined;
        docker.die();
        return 'destroy';
      };
      expect(await failure(deliver(told(), engine))).toMatch(
        /^The Docker engine at unix:.*docker\.sock does not answer: (socket hang up|.*ECONN)/,
      );
    },
  );

  test('while the check runs: the reason is told, not that its helper could not be removed', async () => {
    docker.program = () => {
      docker.die();
      return new Promise(() => undefined);
    };
    expect(await failure(deliver(told({ check }), engine))).toMatch(/does not answer/);
  });

  test('the refusal of a check is told although its helper cannot be removed', async () => {
    docker.program = ({ say }) => {
      say('line 3');
      return 1;
    };
    docker.fault = (line) =>
      line.startsWith('DELETE') ? { status: 500, message: 'device busy' } : undefined;
    expect(await failure(deliver(told({ check }), engine))).toContain('line 3');
  });
});
