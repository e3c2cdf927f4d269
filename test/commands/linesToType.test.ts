import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { apply } from '../../components/jobs/apply.ts';
import { deliver } from '../../components/jobs/files.ts';
import type { Engine } from '../../components/jobs/lib/engine.ts';
import { runProgram } from '../components/harness.ts';
import { jobs, running } from '../components/look.ts';
import { everything } from '../components/stacks.ts';

// A line that a job tells to type is typed in the person's shell, where another stack may be selected.

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a file by its path below the checkout, and of everything that it imports from there. */
function sources(path: string, found = new Map<string, string>()): Map<string, string> {
  // Its lines get their stack from whoever uses them.
  if (found.has(path) || path === 'configs/whatToType.ts') return found;
  const text = readFileSync(`${root}/${path}`, 'utf8');
  found.set(path, text);
  for (const [, target = ''] of text.matchAll(/^(?:import|export)\b(?! type\b)[^'"]*?'(\.[^']+\.ts)'/gms))
    sources(new URL(target, `file:///${path}`).pathname.slice(1), found);
  return found;
}

/** Commands of a text that lack the stack: in a source its name is a variable. */
const lacking = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => !/^\s*(#|\/\/|\/?\*|import\b)/.test(line))
    // The heading of a file that we write is no line to type.
    .filter((line) => !line.includes('Written by Taffrail'))
    .filter((line) =>
      [...line.matchAll(commands)].some(
        ({ index }) => !/^(?:npm run \w+ --|pulumi [a-z ]+) -s \S/.test(line.slice(index)),
      ),
    );
const commands = /\bnpm run \w|\bpulumi (?:up|refresh|preview|destroy|config|stack|cancel)\b/g;

describe('3.14: every line to type that a job prints names the stack', () => {
  let found: Map<string, string>;
  beforeAll(async () => {
    const logics = running(await runProgram(everything()), 'apply').map(({ told }) => told.logic);
    const scripts = ['files', 'apply', 'database'].map((script) => `components/jobs/${script}.ts`);
    found = new Map();
    for (const path of [...scripts, ...logics.map((logic) => `configs/${logic}`)]) sources(path, found);
  });

  test('in whatever a job runs', () => {
    expect(found.size).toBeGreaterThan(25);
    expect([...found.keys()]).toContain('configs/grafana/users.ts');
    const wrong = [...found].flatMap(([path, text]) =>
      lacking(text).map((line) => `${path}: ${line.trim()}`),
    );
    expect(wrong).toEqual([]);
    const naming = [...found].filter(([, text]) => /npmRun\(|pulumi [a-z ]+ -s \$/.test(text));
    expect(naming.length).toBeGreaterThan(4);
  });

  test('one that does not would be seen', () => {
    const lines = [
      '  npm run up',
      'Type: pulumi config set --path taffrail:x y',
      'then type npm run up.',
      'npm run up -- -s prod, or: pulumi up',
    ];
    expect(lacking(lines.join('\n'))).toEqual(lines);
    expect(
      lacking('// npm run up\nnpm run up -- -s ${stack}\npulumi config set -s ${stack} --secret x'),
    ).toEqual([]);
  });

  test('the program hands each job its stack', async () => {
    const all = jobs(await runProgram(everything(), { stack: 'prod' }));
    expect(all.filter(({ told }) => told.job.stack !== 'prod').map(({ name }) => name)).toEqual([]);
    for (const { name, script, told } of all)
      if (script === 'apply' && /cloudbeaver|grafana|cadvisor/.test(name))
        expect(told.told, name).toMatchObject({ stack: 'prod' });
  });
});

describe('3.14: a job prints it for its stack', () => {
  const nothing = {
    request: () => Promise.resolve({ status: 404, body: Buffer.from('{"message":"not found"}') }),
  } as unknown as Engine;
  const job = { project: 'taffrail-prod', stack: 'prod', owner: 'o', name: 'loki-files' };
  const image = { id: 'sha256:1', reference: 'tools:1' };
  const again =
    'To create it again, run: npm run up -- -s prod     (or: pulumi refresh -s prod, then pulumi up -s prod)';

  test('when a volume is gone', async () => {
    const targets = [{ volume: 'loki-config', layout: 'revisions', files: {} }] as const;
    await expect(deliver({ job, tools: image, owner: '1:1', targets }, nothing)).rejects.toThrow(
      `The volume loki-config is gone: somebody removed it. ${again}`,
    );
  });

  test('when a container is gone', async () => {
    const service = { title: 'Loki', container: 'c', image, user: '1:1', port: 3100 };
    const told = { job, tools: image, service, logic: 'loki/apply.ts', told: {} };
    await expect(apply(told, nothing)).rejects.toThrow(
      `The container of Loki is gone: somebody removed it. ${again}`,
    );
  });

  test('`local`, which is selected by default, needs no name', async () => {
    const told = { job: { ...job, stack: 'local' }, tools: image, owner: '1:1' };
    const targets = [{ volume: 'v', layout: 'revisions', files: {} }] as const;
    await expect(deliver({ ...told, targets }, nothing)).rejects.toThrow('run: npm run up  ');
  });
});
