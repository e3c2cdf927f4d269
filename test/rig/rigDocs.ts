import { existsSync, readFileSync } from 'node:fs';
import { imageTag } from '../../configs/images.ts';
import { allContracts, type Contract, olderSources } from './images/contracts.ts';
import { type Part, parts, shippedVersion } from './parts.ts';

// docs/rig.md: words about the rig, around tables made from parts.ts, the image contracts and the stand-ins' READMEs.

const head = `# The rig

Written by \`npm run docs\` from \`test/rig/\`; not by hand.

Taffrail's worth is what real programs do on a real engine. Where the internet can be reached nothing of this is used.
Where only package registries can be reached, the rig makes the real things from what the registries have: the engine, the
Pulumi CLI and its plugins, and the programs, each built from its own Go module; and images under their official names, so
that the product does not know the difference.

## When it is used

| What is found | What happens |
| --- | --- |
| Docker answers, and the CLI and plugins are there or can be downloaded | no rig; nothing of it is installed |
| Docker does not answer, downloads can be reached | it stops, and says what to type |
| downloads cannot be reached, or \`TAFFRAIL_RIG=1\` | the rig |
| Docker is there and refuses this user | no rig; it stops, and says what to type |
| the engine is elsewhere (ssh, tcp), downloads cannot be reached | the rig's CLI and plugins, no engine |
| \`TAFFRAIL_RIG=0\` | never the rig |

It is built once for a machine, into a cache outside of the checkout that is keyed by content; a build that was killed goes
on where it stopped. \`npm run rig\` builds and starts it by itself, \`npm run rig:clean\` removes all of it.

## Its parts

*built*: from its Go module; *debian*: Debian's package; *stand-in*: a small program of ours where the real one cannot be had.

`;

const standIns = `
## Stand-ins

A stand-in says that it is one wherever it shows itself, refuses what it does not know, and is used only once it has
passed its own tests. What passes with it is no proof of what the last column of its table names.
`;

const contracts = `
## Images

Each image is made by its contract, \`test/rig/images/<name>/contract.yaml\`: user, entry point, paths and owners, shell,
programs and CA files of the official image, each line with its source. A test fails when a healthcheck or a job uses what a
contract does not list. **Unproved for all**: the contracts were read in the projects' own build files and releases; no
official image could be pulled and compared, none was run on arm64, and how large they are or how long they take to start is
not known here. Unproved for each, besides:

`;

const host = `
## The machine

A host behind \`ssh://\` is namespaces of this machine with an engine and an sshd of their own, at sshd's default limits: the
same kernel and clock, and no distance. What a slow line does is unproved.

Unproved wherever the rig runs on a kernel with version 1 of cgroups: what cgroups v2 does. Debian's own packages stand for
the database images: their versions, extensions and locales differ, and the first start is a script of ours by the contract.
`;

const older = `
### Read at an older version

What a contract takes from these files was not read at the version that ships: the nearest one that could be had.

`;

/** The whole of docs/rig.md. */
export function rigDocument(): string {
  return [
    head,
    partsTable(),
    standIns,
    ...standInTables(),
    contracts,
    contractsTable(),
    older,
    olderTable(),
    host,
  ].join('');
}

const table = (names: string[], rows: string[][]): string =>
  [names, names.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`)
    .join('');

function partsTable(): string {
  const rows = parts.map((one) => {
    const shipped = shippedVersion(one);
    return [
      one.name,
      one.kind,
      one.version,
      shipped === one.version ? 'the same' : (shipped ?? ''),
      differs(one),
    ];
  });
  return table(['Part', 'Kind', 'Version', 'Ships', 'By how much it differs'], rows);
}

/** The contract of its image tells it, where there is one; the part's own note otherwise. */
function differs(one: Part): string {
  const told = allContracts().find(({ key }) => key === one.image)?.rig.differs;
  return [...new Set([told?.replace('; see docs/rig.md', ''), one.note])]
    .filter((text) => text !== undefined)
    .join('; ');
}

/** For each: its name, and the table of its README that says what it proves. */
function standInTables(): string[] {
  return parts
    .filter(({ kind }) => kind === 'stand-in')
    .map((one) => {
      const file = one.module && new URL(`${one.module}/README.md`, import.meta.url);
      const text = file && existsSync(file) ? readFileSync(file, 'utf8') : '';
      const [proof = own[one.name] ?? 'What it proves is not told.\n'] = /(?:^\|.*\n)+/m.exec(text) ?? [];
      return `\n### ${one.name}\n\n${sentence(one.note ?? '')}\n\n${tidy(proof)}`;
    });
}

/** Stand-ins without a README. */
const own: Record<string, string> = {
  'pulumi-language-nodejs': table(
    ['Subject', 'What it proves', 'What it cannot'],
    [
      [
        'Programs',
        'index.ts runs by type stripping, under the SDK’s own server and runner; configuration, secrets, previews, errors',
        'the official host’s own start, its installation of plugins and dependencies, its words',
      ],
    ],
  ),
};

/** Cells without the padding of a formatter. */
const tidy = (text: string): string =>
  text.replaceAll(/ +\|/g, ' |').replaceAll(/\| +/g, '| ').replaceAll(/-{4,}/g, '---');

const sentence = (text: string): string => `${text.replace(/^./, (first) => first.toUpperCase())}.`;

function contractsTable(): string {
  const rows = allContracts().map((contract) => [
    `\`${imageTag(contract.key)}\``,
    contract.tag,
    list(contract.programs.filter(({ rig }) => rig === 'none').map(({ path }) => path)),
    list(onlyHere(contract)),
  ]);
  return table(
    ['Image', 'What shows that the tag is there', 'Not in the rig’s image', 'In the rig’s image only'],
    rows,
  );
}

function olderTable(): string {
  const rows = allContracts().flatMap((contract) =>
    olderSources(contract).map(({ repository, file, version, commit }) => [
      `\`${imageTag(contract.key)}\``,
      repository,
      file,
      `read at ${version}${commit === undefined ? '' : ` (${commit})`}`,
    ]),
  );
  return table(['Image', 'Repository', 'File', 'Version'], rows);
}

const onlyHere = ({ paths, programs }: Contract): string[] =>
  [...paths, ...programs].filter(({ only }) => only === 'rig').map(({ path }) => path);

const list = (names: string[]): string => names.map((name) => `\`${name}\``).join(', ');
