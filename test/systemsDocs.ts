import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { demands, parts } from './systems.ts';

// docs/systems.md, written from the results of the last runs of `npm test` and `npm run e2e`.

/** As much of vitest's JSON report as is read here. */
export interface Report {
  testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
}

/** The results of a kind of test; undefined when it has not run here. */
export type Results = Readonly<Record<string, Report | undefined>>;

const kinds = ['unit', 'e2e'] as const;

const head = `# Systems

Written by \`npm run docs\` from the results of \`npm test\` and \`npm run e2e\`; not by hand. A test is named after the ids
it proves, or a part of it. *By unit tests only*: nothing shows yet what a real engine makes of it.

`;
const table = `| Id | Demand | Unit tests | End to end | Result |
| --- | --- | --- | --- | --- |
`;
const core = `
## The core stack

What all systems stand on, in the numbers of its own list.

`;

/** The whole of docs/systems.md, from the result files that are there. */
export const systemsDocument = (): string => systemsText(readResults());

export function systemsText(results: Results): string {
  const rowsOf = (all: Readonly<Record<string, string>>): string =>
    Object.entries(all)
      .map(([id, demand]) => {
        const [unit = [], e2e = []] = kinds.map((kind) => testsOf(id, results[kind]));
        return `| ${id} | ${demand} | ${files(unit)} | ${titles(e2e)} | ${result(unit, e2e)} |\n`;
      })
      .join('');
  const missing = kinds.filter((kind) => results[kind] === undefined);
  const note = missing.length > 0 ? `\nNo results were there of: ${missing.join(', ')}.\n` : '';
  return `${head}${table}${rowsOf(demands)}${core}${table}${rowsOf(parts)}${note}`;
}

interface Test {
  name: string;
  file: string;
  status: string;
}

/** Those that carry the id as a word of its own: `S1` is not in `S10`, nor in `C.S1x`. */
function testsOf(id: string, report: Report | undefined): Test[] {
  const word = new RegExp(`(?<![\\w.])${id.replace('.', '\\.')}(?!\\.?\\w)`);
  return (report?.testResults ?? [])
    .flatMap(({ name: file, assertionResults }) =>
      assertionResults.map(({ fullName, status }) => ({ name: fullName, status, file: basename(file) })),
    )
    .filter(({ name }) => word.test(name));
}

/** `loki.test.ts (3)`: unit tests are many and small. */
function files(tests: readonly Test[]): string {
  const count = new Map<string, number>();
  for (const { file } of tests) count.set(file, (count.get(file) ?? 0) + 1);
  return [...count]
    .map(([file, many]) => `${file} (${String(many)})`)
    .sort()
    .join(', ');
}

const titles = (tests: readonly Test[]): string =>
  tests.map(({ name }) => name.replaceAll('|', '\\|')).join('<br>');

/** What is not shown on a real engine does not read as if it were. */
function result(unit: readonly Test[], e2e: readonly Test[]): string {
  const all = [...unit, ...e2e];
  if (all.length === 0) return 'not yet';
  const count = (status: string) => all.filter((one) => one.status === status).length;
  if (count('failed') > 0) return `**${String(count('failed'))} failed**`;
  if (count('passed') === 0) return 'skipped';
  const skipped = all.length - count('passed');
  const where = e2e.some(({ status }) => status === 'passed') ? 'passed' : 'passed by unit tests only';
  return skipped > 0 ? `${where}, ${String(skipped)} skipped` : where;
}

function readResults(): Results {
  const folder = fileURLToPath(new URL('../.taffrail/results/', import.meta.url));
  return Object.fromEntries(
    kinds.map((kind) => {
      const file = `${folder}${kind}.json`;
      return [kind, existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined];
    }),
  );
}
