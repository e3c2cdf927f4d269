import { readFileSync } from 'node:fs';
import { type ImageKey, imageKeys, imageTag } from '../../configs/images.ts';
import { type Ran, runProgram } from './harness.ts';
import { type Container, imageKeyOf, jobs, services, uploads } from './look.ts';
import { everything } from './stacks.ts';

// docs/programs.md, written from what the components really make of a stack that has everything.

const head = `# Programs

Written by \`npm run docs\` from what the components make; not by hand.

- *Healthcheck*: in exec form, fast while the program starts, every 30 s afterwards; \`up\` waits for it.
- *Checker*: judges new files before they are delivered. Where it refuses, \`up\` fails with its words.
- *Applied by*: the job after the service. \`-reload\`: the program takes new files while it runs. \`-restart\`: its container
  carries the revision of its files and is replaced.
- *Read back*: what that job asks of the running program, and compares.

`;

/** The whole of docs/programs.md. */
export async function programsDocument(): Promise<string> {
  const ran = await runProgram(everything(), { stack: 'docs' });
  const rows = programs(ran).map(({ one, key }) => [
    one.name,
    code(imageTag(key)),
    one.inputs.user ?? '',
    healthcheck(one, ran),
    checker(one, ran),
    ...applied(one, ran),
  ]);
  const names = ['Program', 'Image', 'User', 'Healthcheck', 'Checker', 'Applied by', 'Read back'];
  const table = [names, names.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
  return `${head}${table}`;
}

/** The first service of each image, in the order of the images; tools have none. */
function programs(ran: Ran): { one: Container; key: ImageKey }[] {
  return imageKeys.flatMap((key) => {
    const [one] = services(ran)
      .filter((service) => imageKeyOf(service) === key)
      .toSorted((a, b) => a.name.length - b.name.length);
    return one === undefined ? [] : [{ one, key }];
  });
}

function healthcheck(one: Container, ran: Ran): string {
  const [, ...exec] = one.inputs.healthcheck?.tests ?? [];
  return exec.length > 0 ? code(exec.join(' ')) : `none: ${reasonOf(one, ran)}`;
}

/** Why it has none: the reason stands in its component, for the reader, and reaches no container. */
function reasonOf({ name }: Container, { resources }: Ran): string {
  const component = resources.find(
    (resource) => resource.name === name && !resource.custom && resource.parent === '',
  );
  const file = (component?.type.split(':').at(-1) ?? '').replace(/^./, (first) => first.toLowerCase());
  const text = readFileSync(new URL(`../../components/${file}.ts`, import.meta.url), 'utf8');
  return /healthcheck: \{\s*none:\s*(['"])(.*?)\1/s.exec(text)?.[2] ?? 'no reason is told';
}

function checker({ name, inputs }: Container, ran: Ran): string {
  const check = jobs(ran).find((job) => job.name === `${name}-config-check`)?.inputs;
  if (check !== undefined) return code([...(check.entrypoints ?? []), ...(check.command ?? [])].join(' '));
  if (jobs(ran).some((job) => job.name === `${name}-config-files`))
    return 'none; its files are built as objects';
  const secret = inputs.volumes?.some(({ volumeName }) => volumeName?.endsWith(`-${name}-secrets`)) === true;
  return secret ? 'none; secret files only' : 'no files';
}

/** How new files come into force, and what is read back. */
function applied({ name }: Container, ran: Ran): [string, string] {
  const job = jobs(ran).find(({ inputs }) => inputs.networkMode === `container:id-of-${name}`);
  if (job === undefined) return [replaced, 'its healthcheck'];
  const [path = '', ...given] = job.inputs.command ?? [];
  const script = uploads(job)[path] ?? '';
  const asked = [...script.matchAll(/\b(?:expect 200|request) (GET|POST) ["']?([^\s"']+)/g)]
    .filter(([, method, asks = '']) => (method === 'GET' || asks.includes('gql')) && !asks.includes('reload'))
    .map(([, , asks = '']) => code(filledIn(asks, given)));
  const said = filledIn(/^echo "([^"]*)"$/m.exec(script)?.[1] ?? '', given);
  return [
    /-(reload|restart)$/.test(job.name) ? code(job.name) : `${replaced}, then ${code(job.name)}`,
    asked.length > 0 ? [...new Set(asked)].join(', ') : said,
  ];
}

const replaced = 'a replaced container';

/** A shell's text with its arguments; what it finds out itself stays as a name. */
const filledIn = (text: string, given: readonly string[]): string =>
  text
    .replaceAll(/\$\{(\d)%(\w+)\}/g, (_, at: string, end: string) =>
      (given[Number(at) - 1] ?? '').replace(end, ''),
    )
    .replaceAll(/\$(\d)/g, (_, at: string) => given[Number(at) - 1] ?? '')
    .replaceAll(/\$(\w+)/g, '<$1>');

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
