/**
 * `npm run docs`: writes every generated document. `-- --check` writes none and ends with 1 if one is behind its source.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { settingsDocument } from '../configs/settingsDocs.ts';
import { programsDocument } from '../test/components/programsDocs.ts';
import { rigDocument } from '../test/rig/rigDocs.ts';
import { systemsDocument } from '../test/systemsDocs.ts';

/** A file that is made from something else: its path below the checkout, and its content now. */
export interface GeneratedDocument {
  path: string;
  render: () => string | Promise<string>;
}

/** Add a further document here; its test is there already (test/commands/docs.test.ts). */
export const documents: readonly GeneratedDocument[] = [
  { path: 'docs/settings.md', render: settingsDocument },
  { path: 'docs/programs.md', render: programsDocument },
  { path: 'docs/rig.md', render: rigDocument },
];

/** Made from the results of the last tests: written, and never behind. */
const results: GeneratedDocument = { path: 'docs/systems.md', render: systemsDocument };

const root = fileURLToPath(new URL('..', import.meta.url));

/** Whether the file says what its source says now. */
export async function isCurrent({ path, render }: GeneratedDocument, folder = root): Promise<boolean> {
  const file = `${folder}/${path}`;
  return existsSync(file) && readFileSync(file, 'utf8') === (await render());
}

async function main(args: string[]): Promise<number> {
  const wrong = args.filter((arg) => arg !== '--check');
  if (wrong.length > 0) {
    console.error(`docs: ${wrong.join(' ')} is not known. Type: npm run docs, or npm run docs -- --check`);
    return 2;
  }
  let behind = 0;
  for (const document of args.includes('--check') ? documents : [...documents, results]) {
    if (await isCurrent(document)) continue;
    behind++;
    if (args.includes('--check')) {
      console.error(`${document.path} is behind its source. Type: npm run docs`);
      continue;
    }
    mkdirSync(dirname(`${root}/${document.path}`), { recursive: true });
    writeFileSync(`${root}/${document.path}`, await document.render());
    console.log(`written: ${document.path}`);
  }
  if (behind === 0) console.log('Every generated document is current.');
  return args.includes('--check') && behind > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.exitCode = await main(process.argv.slice(2));
