import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

// The walls of the house (docs/architecture.md). Each rule is shown to refuse something.

const root = fileURLToPath(new URL('..', import.meta.url));

interface Source {
  path: string;
  text: string;
}

const folders = ['commands', 'components', 'configs', 'test'];
const sources: Source[] = [
  ...readdirSync(root).filter((path) => path.endsWith('.ts')),
  ...folders.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map(
      (path) => `${folder}/${path}`,
    ),
  ),
]
  .filter((path) => /\.(ts|sh|sql|go|cjs)$/.test(path))
  .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }));

/** What a file imports, types included: relative ones as paths below the checkout. */
function imports({ path, text }: Source): string[] {
  const found = text.matchAll(/^(?:import|export)\b[^'"]*?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gms);
  return [...found].map(([, fixed, dynamic]) => {
    const target = fixed ?? dynamic ?? '';
    return target.startsWith('.') ? new URL(target, `file:///${path}`).pathname.slice(1) : target;
  });
}

/** The arguments of every `.apply(` in a text. */
function appliedTo(text: string): string[] {
  return [...text.matchAll(/\.apply\(/g)].map(({ index }) => {
    const from = index + '.apply('.length;
    let at = from;
    for (let open = 1; open > 0 && at < text.length; at++)
      open += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0;
    return text.slice(from, at);
  });
}

const code = (text: string): string => text.replace(/\/\*.*?\*\//gs, '').replace(/(^|\s)\/\/.*$/gm, '');
const lines = (text: string): number => text.split('\n').length - 1;

interface Rule {
  name: string;
  breaks: (source: Source) => boolean;
  /** A file that breaks it. */
  never: Source;
}

const rules: Rule[] = [
  {
    name: 'configs/ makes no resource: it imports neither components nor providers',
    breaks: (source) =>
      source.path.startsWith('configs/') &&
      imports(source).some((one) => /^(components\/|@pulumi\/(command|docker|random))/.test(one)),
    never: { path: 'configs/loki/render.ts', text: "import {\n  Loki,\n} from '../../components/loki.ts';" },
  },
  {
    name: 'in configs/ only settings.ts knows Pulumi',
    breaks: (source) =>
      source.path.startsWith('configs/') &&
      source.path !== 'configs/settings.ts' &&
      imports(source).some((one) => one.startsWith('@pulumi/')),
    never: { path: 'configs/files.ts', text: "import type { Output } from '@pulumi/pulumi';" },
  },
  {
    name: 'components/ reads no configuration',
    breaks: ({ path, text }) =>
      path.startsWith('components/') && /\bnew\s+(pulumi\.)?Config\(|\breadSettings\b/.test(code(text)),
    never: { path: 'components/loki.ts', text: 'const c = new pulumi.Config();' },
  },
  {
    // A job is a program of its own, which Docker's usual variables lead to an engine.
    name: 'components/ reads no environment, but for the address of the engine in jobs',
    breaks: ({ path, text }) =>
      path.startsWith('components/') &&
      [...code(text).matchAll(/process\.env(?:\['(\w+)'\])?/g)].some(
        ([, name = '']) =>
          path !== 'components/jobs/lib/engine.ts' ||
          !['DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH', 'HOME'].includes(name),
      ),
    never: { path: 'components/jobs/lib/engine.ts', text: "process.env['PULUMI_STACK']" },
  },
  {
    name: 'jobs know neither Pulumi nor what starts them, and no client of Docker but their own',
    breaks: (source) =>
      source.path.startsWith('components/jobs/') &&
      (imports(source).some((one) => /^(@pulumi\/|dockerode$|execa$|components\/(?!jobs\/))/.test(one)) ||
        /@pulumi\/command|\bnew (local\.)?Command\(|\bpulumi\.\w/.test(code(source.text))),
    never: { path: 'components/jobs/files.ts', text: "import { local } from '@pulumi/command';" },
  },
  {
    name: 'only delivery.ts makes Commands',
    breaks: ({ path, text }) =>
      /^(index\.ts|components\/|configs\/|commands\/)/.test(path) &&
      path !== 'components/delivery.ts' &&
      /\bnew\s+(\w+\.)*Command\(/.test(code(text)),
    never: { path: 'components/loki.ts', text: "new command.local.Command('x');" },
  },
  {
    name: 'configs/ and components/ have no shell script: what a host does is typed and tested',
    breaks: ({ path }) => /^(configs|components)\/.*\.(ba)?sh$/.test(path),
    never: { path: 'configs/loki/apply.sh', text: 'set -eu\n' },
  },
  {
    name: 'what applies a program’s files knows neither Docker nor Pulumi nor Node’s network',
    breaks: (source) =>
      /^configs\/.*[aA]pply\.ts$/.test(source.path) &&
      imports(source).some((one) =>
        /^(@pulumi\/|dockerode$|execa$|node:(http|net|child_process)|components\/)/.test(one),
      ),
    never: { path: 'configs/loki/apply.ts', text: "import { request } from 'node:http';" },
  },
  {
    name: 'only service.ts makes containers, volumes and images',
    breaks: ({ path, text }) =>
      /^(index\.ts|components\/|commands\/)/.test(path) &&
      path !== 'components/service.ts' &&
      /\bnew\s+(docker\.)?(Container|Volume|RemoteImage|Image)\(/.test(code(text)),
    never: { path: 'components/app.ts', text: "new docker.Volume('x');" },
  },
  {
    name: 'components know no end-to-end test and no command',
    breaks: (source) =>
      /^(index\.ts|components\/|configs\/)/.test(source.path) &&
      imports(source).some((one) => /^(commands|test)\//.test(one)),
    never: { path: 'components/app.ts', text: "import { place } from '../test/e2e/lib/place.ts';" },
  },
  {
    name: 'commands/ runs without the provider: no component but how jobs reach an engine, no @pulumi/docker',
    breaks: (source) =>
      source.path.startsWith('commands/') &&
      imports(source).some((one) => /^(components\/(?!jobs\/lib\/)|@pulumi\/docker)/.test(one)),
    never: { path: 'commands/up.ts', text: "export { Container } from '@pulumi/docker';" },
  },
  {
    name: 'no resource is made inside apply',
    breaks: ({ path, text }) =>
      /^(index\.ts|components\/)/.test(path) &&
      appliedTo(code(text)).some((inside) => /\bnew\s+(\w+\.)*[A-Z]\w*(?<!Error)\(/.test(inside)),
    never: {
      path: 'components/app.ts',
      text: "x.apply((id) => {\n f(g(1)); new docker.Volume('y', { id });\n});",
    },
  },
  {
    name: 'index.ts is a table of contents: under 80 lines',
    breaks: ({ path, text }) => path === 'index.ts' && lines(text) >= 80,
    never: { path: 'index.ts', text: 'x\n'.repeat(80) },
  },
  {
    name: 'no file of more than 400 lines',
    breaks: ({ text }) => lines(text) > 400,
    never: { path: 'configs/schema.ts', text: 'x\n'.repeat(401) },
  },
];

describe.each(rules)('3.13, 3.18, 3.24: $name', ({ breaks, never }) => {
  test('holds', () => {
    expect(sources.filter(breaks).map(({ path }) => path)).toEqual([]);
  });
  test('would be noticed', () => {
    expect(breaks(never)).toBe(true);
  });
});

test('the files are really read', () => {
  expect(sources.length).toBeGreaterThan(100);
  expect(imports({ path: 'index.ts', text: readFileSync(`${root}/index.ts`, 'utf8') })).toContain(
    'components/loki.ts',
  );
});

describe('3.2, 3.23: what CI runs is what the README names', () => {
  const read = (file: string): string => readFileSync(`${root}/${file}`, 'utf8');
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const ci = [...read('.ci/run').matchAll(/^part '[^']+' \d+ (.+)$/gm)].map(([, command]) => command);

  test('the test command, the rig, then the end-to-end test, each with a line of its own', () => {
    expect(ci).toEqual(['npm cit', 'npm run rig', 'npm run e2e']);
    for (const command of ci) expect(read('README.md')).toContain(`| \`${command ?? ''}\``);
  });

  test('the test command judges style, types and documents too, and every command exists', () => {
    expect(scripts['test']).toBe('npm run lint && vitest run');
    for (const program of ['eslint', 'prettier --check', 'tsc']) expect(scripts['lint']).toContain(program);
    for (const [, name = ''] of read('README.md').matchAll(/`npm run (?:-s )?([\w:]+)/g))
      expect(scripts, name).toHaveProperty([name]);
  });
});
