/** Seconds of two commands that were run in turn. */
export interface Pair {
  ours: number;
  theirs: number;
}

export interface Row {
  name: string;
  what: string;
  pairs: readonly Pair[];
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
};

const spread = (values: readonly number[], unit: string): string =>
  `${median(values).toFixed(1)}${unit} (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)})`;

/** A line of docs/benchmarks.md: medians, with the lowest and the highest; the ratio is that of each pair. */
export const rowOf = ({ name, what, pairs }: Row): string =>
  `| ${[
    `\`${name}\``,
    what,
    spread(
      pairs.map(({ ours }) => ours),
      ' s',
    ),
    spread(
      pairs.map(({ theirs }) => theirs),
      ' s',
    ),
    spread(
      pairs.map(({ ours, theirs }) => ours / theirs),
      '',
    ),
    String(pairs.length),
  ].join(' | ')} |`;

/** When a resource was begun and done, in seconds from the start of the command. */
export interface Step {
  type: string;
  name: string;
  begun: number;
  done: number;
}

const kinds: [kind: string, belongs: (step: Step) => boolean][] = [
  ['images', ({ type }) => type.endsWith(':RemoteImage')],
  ['networks', ({ type }) => type.endsWith(':Network')],
  ['volumes', ({ type }) => type.endsWith(':Volume')],
  ['files: check and deliver', ({ type, name }) => type.endsWith(':Command') && name.endsWith('-files')],
  ['containers', ({ type }) => type.endsWith(':Container')],
  ['reload and read back', ({ type, name }) => type.endsWith(':Command') && !name.endsWith('-files')],
];

/** Lines of a table: when the first of a kind was begun, and the last one done. */
export function breakdown(steps: readonly Step[], total: number): string[] {
  const first = Math.min(
    ...steps.filter(({ type }) => !type.startsWith('pulumi:')).map(({ begun }) => begun),
  );
  return [
    `| CLI and program until the first resource | 0.0 | ${first.toFixed(1)} | |`,
    ...kinds.map(([kind, belongs]) => {
      const some = steps.filter(belongs);
      const slowest = some.toSorted((a, b) => b.done - b.begun - (a.done - a.begun))[0];
      return `| ${kind} (${some.length}) | ${Math.min(...some.map(({ begun }) => begun)).toFixed(1)} | ${Math.max(...some.map(({ done }) => done)).toFixed(1)} | ${slowest === undefined ? '' : `${slowest.name} ${(slowest.done - slowest.begun).toFixed(1)} s`} |`;
    }),
    `| the whole command | 0.0 | ${total.toFixed(1)} | |`,
  ];
}
