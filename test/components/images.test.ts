import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ImageKey, imageKeys } from '../../configs/images.ts';
import { contractOf } from '../rig/images/contracts.ts';
import { type Ran, runProgram } from './harness.ts';
import { type Container, containers, imageKeyOf, uploads } from './look.ts';
import { functionsOf, programsOf } from './programs.ts';
import { everything } from './stacks.ts';

// 3.8: what a probe or a job runs is in the official image, by its contract.

/** Every program that a container of ours starts by itself: what it is, what asks for its health, what its scripts use. */
function programs(one: Container): string[] {
  const { entrypoints = [], command = [], healthcheck } = one.inputs;
  const check = healthcheck?.tests.slice(1) ?? [];
  return [
    ...inExec([...entrypoints, ...(entrypoints.length > 0 ? command : [])], one),
    ...inExec(check, one),
  ];
}

/** The first word; of a shell, also what its script uses. */
function inExec([program, ...words]: string[], one: Container): string[] {
  if (program === undefined) return [];
  if (program !== 'sh') return [program];
  const files = uploads(one);
  const text = words[0] === '-c' ? words[1] : files[words[0] ?? ''];
  if (text === undefined) throw new Error(`${one.name}: no script ${String(words[0])}`);
  // What it takes in with `.` brings functions, and programs of its own.
  const taken = [...text.matchAll(/^\. (\S+)$/gm)].map(([, path = '']) => files[path] ?? '');
  const defined = new Set(taken.flatMap(functionsOf));
  return [program, ...taken.flatMap(programsOf), ...programsOf(text).filter((word) => !defined.has(word))];
}

const missing = (key: ImageKey, list: readonly string[]): string[] =>
  list.filter((program) => !contractOf(key).provides(program));

describe('3.8: only programs that the image contains', () => {
  let ran: Ran;
  let known: [Container, ImageKey][];
  beforeAll(async () => {
    ran = await runProgram(everything());
    known = containers(ran).flatMap((one) => {
      const key = imageKeyOf(one);
      return key === undefined ? [] : [[one, key]];
    });
  });

  test('every image is met, and only Apps have others', () => {
    expect(imageKeys.filter((key) => !known.some(([, used]) => used === key))).toEqual([]);
    const others = containers(ran).filter((one) => imageKeyOf(one) === undefined);
    expect(others.map(({ name }) => name).sort()).toEqual(['bot', 'worker']);
  });

  test('every healthcheck and every job', () => {
    const wrong = known.flatMap(([one, key]) =>
      missing(key, programs(one)).map((program) => [one.name, key, program]),
    );
    expect(wrong).toEqual([]);
    expect(new Set(known.flatMap(([one]) => programs(one))).size).toBeGreaterThan(30);
  });

  test('a service without an entrypoint of ours has one of the image', () => {
    for (const [one, key] of known)
      if (one.inputs.entrypoints === undefined)
        expect(contractOf(key).config.entrypoint.is, one.name).not.toEqual([]);
  });

  test('a program that is not there is refused', () => {
    expect(missing('tools', ['sh', 'curl', 'made-up'])).toEqual(['curl', 'made-up']);
    expect(missing('loki', ['sh', '/usr/bin/loki'])).toEqual(['sh']);
    const [one] = known.find(([{ name }]) => name === 'grafana') ?? [];
    if (one === undefined) throw new Error('no grafana');
    const healthcheck = { tests: ['CMD', 'made-up', '--now'] };
    const broken = { ...one, inputs: { ...one.inputs, healthcheck } };
    expect(missing('grafana', programs(broken))).toEqual(['made-up']);
  });

  test('every script of configs/ is used by one of them', () => {
    const used = new Set(containers(ran).flatMap((one) => Object.values(uploads(one))));
    const folder = new URL('../../configs/', import.meta.url);
    const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.sh'),
    );
    expect(scripts.length).toBeGreaterThan(8);
    expect(scripts.filter((path) => !used.has(readFileSync(new URL(path, folder), 'utf8')))).toEqual([]);
  });
});

describe('the reader of scripts', () => {
  test.each([
    ['set -eu\ncd /x && rm -rf .new # curl\n', ['rm']],
    ["trap 'rm -rf /staging' EXIT\nA=1 B=$(date) psql -c 'SELECT a | b'", ['date', 'psql', 'rm']],
    [
      'until request GET "$(id -u)"; do\n  sleep 0.5\ndone\nrequest() {\n  nc -w 30 "$1" <a >b 2>c &\n}',
      ['id', 'nc', 'sleep'],
    ],
    ['case $old in current | "$1") ;; *) mv a b ;; esac\ntail x', ['mv', 'tail']],
    ['find . | while read -r old; do\n [ -e "$old" ] || gone "${old#x}"\ndone', ['find', 'gone']],
    ['timeout 10 redis-cli -h "$1" </a >/b 2>&1', ['redis-cli', 'timeout']],
    [
      'if ! grep -q x y; then exec grafana cli; fi\nfor name in *; do cp "$name" z; done',
      ['cp', 'grafana', 'grep'],
    ],
    ['printf "%s" "$(printf a | base64 | tr -d x)" >&3', ['base64', 'tr']],
    [
      'until wget -q x && [ -S y ]\ndo sleep 1; done\nexec /usr/bin/e.sh "$@"',
      ['/usr/bin/e.sh', 'sleep', 'wget'],
    ],
    ['while read -r a; do\n  cut -c 1 "$a"\ndone <<\'END\'\nGET x\nSET y\nEND\nsort z', ['cut', 'sort']],
    ['tries=$((tries + 1))\nexec 3>/tmp/request\nexec 3>&-', []],
  ])('%j', (script, expected) => {
    expect(programsOf(script)).toEqual(expected);
  });
});

test('3.18: the socket proxy takes an image and a limit of a stack’s own', async () => {
  const ran = await runProgram(
    everything(undefined, (yaml) =>
      yaml.replace(
        'config:\n',
        "config:\n  taffrail:socketProxy: { image: 'mine/haproxy:3', memory: 96MiB }\n",
      ),
    ),
  );
  const proxy = containers(ran).find(({ name }) => name === 'socket-proxy');
  expect(proxy?.inputs.memory).toBe(96);
  expect(ran.resources.map(({ inputs }) => inputs['name'])).toContain('mine/haproxy:3');
});
