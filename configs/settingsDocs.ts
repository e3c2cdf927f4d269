import type { z } from 'zod';
import { type Leaf, leavesOf, type Place, placeOf } from './schemaWalk.ts';
import { schema } from './settings.ts';

// docs/settings.md, written from the schema: so it is never behind it.

/** The settings of one program, or those of the stack as a whole. */
interface Section {
  title: string;
  about: string;
  leaves: Leaf[];
}

const head = `# Settings

Written by \`npm run docs\` from the schema in \`configs/\`; not by hand.

A setting stands in \`Pulumi.<stack>.yaml\` under \`config:\`, with the prefix \`taffrail:\` at its first word, and is set there or by a line:

\`\`\`yaml
config:
  taffrail:loki:
    retention: 48h
\`\`\`

\`\`\`sh
pulumi config set --path taffrail:loki.retention 48h
\`\`\`

- A time is a whole number and \`s\`, \`m\`, \`h\`, \`d\` or \`w\`: \`15s\`, \`48h\`, \`30d\`.
- A size is a whole number and \`KiB\`, \`MiB\`, \`GiB\` (1024) or \`MB\`, \`GB\` (1000): \`512MiB\`, \`10GB\`.
- A secret has a key of its own, in letters and digits, which the setting names:
  \`pulumi config set --secret grafanaAdminPassword\`, and \`adminPassword: grafanaAdminPassword\` under \`taffrail:grafana\`.
  If Pulumi says that a name "looks like a secret", add \`--plaintext\`: the name is none.
- \`[0]\` is an entry of a list, \`<name>\` a name of yours. With no default, a setting may be left out unless it is *required*.
- Every mistake is told at once, each with what to type. Nothing is changed before all are mended.
`;

/** The whole of docs/settings.md. */
export function settingsDocument(): string {
  return [head, ...sections().map(section)].join('\n');
}

/** Every setting of the schema: the stack's own first, then one section for each program. */
export function sections(): Section[] {
  const parts = Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, part]) => ({
    key,
    about: placeOf(part).about?.description ?? '',
    leaves: leavesOf(part, [key]),
    structured: placeOf(part).shape !== undefined || leavesOf(part, [key]).length > 1,
  }));
  const own = parts.filter(({ structured }) => !structured).flatMap(({ leaves }) => leaves);
  const programs = parts.filter(({ structured }) => structured);
  return [
    { title: 'The stack', about: 'What concerns everything.', leaves: own },
    ...programs.map(({ key, about, leaves }) => ({
      title: `\`${key}\``,
      about,
      // The list or record itself is told by the section's own words.
      leaves: leaves.filter(({ path }) => path.length > 1),
    })),
  ];
}

function section({ title, about, leaves }: Section): string {
  const rows = leaves.map(({ path, place }) => {
    const cells = [`\`${pathText(path)}\``, what(place), defaultText(place), exampleText(place)];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return `## ${title}\n\n${about}\n\n| Setting | What | Default | Example |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

const pathText = (path: string[]): string =>
  path.map((key, at) => (key.startsWith('[') || at === 0 ? key : `.${key}`)).join('');

function what({ about, options }: Place): string {
  const words = options === undefined ? '' : ` One of ${options.map((word) => `\`${word}\``).join(', ')}.`;
  return `${about?.description ?? ''}${words}`;
}

function defaultText(place: Place): string {
  const value = place.default;
  if (value === undefined) return place.optional ? '' : '*required*';
  if (Array.isArray(value) && value.length > 0) return value.map((word) => `\`${String(word)}\``).join(', ');
  if (typeof value === 'object') return 'none';
  return `\`${JSON.stringify(value).replace(/^"|"$/g, '')}\``;
}

const exampleText = (place: Place): string => {
  const example = place.about?.example ?? place.options?.[0];
  return example === undefined ? '' : `\`${example}\``;
};
