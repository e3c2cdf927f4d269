import { stripVTControlCharacters } from 'node:util';
import type { EngineEvent, OpMap } from '@pulumi/pulumi/automation/index.js';
import type { Progress } from './progress.ts';
import { nameOfUrn } from './state.ts';

/** What went wrong with one resource, in the program's or the provider's own words. */
export interface Failure {
  /** The resource's name; undefined when it is the program or Pulumi itself. */
  name: string | undefined;
  /** `docker:index/container:Container`; undefined as above. */
  type: string | undefined;
  words: string;
}

/** A resource by its name and its type. */
export type Attempt = Pick<Failure, 'type'> & { name: string };

/** Follows one Pulumi operation: shows how far it is and keeps what went wrong. */
export function watch(progress: Progress, verb: string, before: number) {
  const failures: Failure[] = [];
  const waiting = new Map<string, string>();
  const seen = new Set<string>();
  const finished = new Set<string>();
  /** What the program asked for, and what Pulumi came to: by type and name. */
  const asked = new Map<string, Attempt>();
  const tried = new Set<string>();
  let changes: OpMap | undefined;

  const show = () => {
    const total = Math.max(before, seen.size);
    const names = [...waiting.values()];
    const more = names.length > 4 ? ` and ${names.length - 4} more` : '';
    const what = names.length > 0 ? `, waiting for ${names.slice(0, 4).join(', ')}${more}` : '';
    progress.now(`${finished.size} of ${total}${what}`);
  };

  return {
    onEvent: (event: EngineEvent): void => {
      const begun = event.resourcePreEvent?.metadata;
      if (begun) {
        seen.add(begun.urn);
        tried.add(keyOf({ type: typeOf(begun.urn), name: nameOfUrn(begun.urn) }));
        if (begun.op !== 'same' && (begun.new ?? begun.old)?.custom)
          waiting.set(begun.urn, nameOfUrn(begun.urn));
      }
      const done = (event.resOutputsEvent ?? event.resOpFailedEvent)?.metadata;
      if (done) {
        waiting.delete(done.urn);
        finished.add(done.urn);
      }
      const said = event.diagnosticEvent;
      const registered =
        (said?.severity as string | undefined) === 'debug' // not in the SDK's type
          ? registeredIn(said?.message ?? '')
          : undefined;
      if (registered) asked.set(keyOf(registered), registered);
      if (said?.severity === 'error') {
        const words = cleaned(said.message);
        const urn = said.urn === '' ? undefined : said.urn;
        const [type, name] =
          urn === undefined || /::pulumi:pulumi:Stack::/.test(urn) ? [] : [typeOf(urn), nameOfUrn(urn)];
        if (
          !isNoise(words) &&
          !failures.some((failure) => failure.words === words && failure.name === name)
        ) {
          failures.push({ name, type, words });
        }
      } else if (said?.severity === 'warning' && said.ephemeral !== true) {
        const words = cleaned(said.message);
        if (!isKnownWarning(words)) progress.line(`warning: ${words}`);
      }
      if (event.summaryEvent) changes = event.summaryEvent.resourceChanges;
      if (begun ?? done) show();
      else if (event.preludeEvent) progress.now(verb);
    },
    failures: (): Failure[] => failures,
    /** What Pulumi left out, because something that it needs has failed. */
    notTried: (): Attempt[] =>
      [...asked]
        .filter(([key]) => !tried.has(key))
        .map(([, attempt]) => attempt)
        .filter(({ type, name }) => !failures.some((one) => one.type === type && one.name === name)),
    /** How many resources were touched, or undefined when Pulumi never came to its summary. */
    changed: (): number | undefined =>
      changes &&
      Object.entries(changes).reduce(
        (sum, [op, count]) => (op === 'same' || op === 'read' ? sum : sum + count),
        0,
      ),
  };
}

const keyOf = ({ type, name }: Attempt): string => `${type ?? ''}::${name}`;

/** The SDK says at level debug what the program asks for; nothing else tells what was never begun. */
function registeredIn(message: string): Attempt | undefined {
  const [, type, name] = /^Registering resource: t=(\S+), name=(\S+), custom=true,/.exec(message) ?? [];
  return type === undefined || name === undefined ? undefined : { type, name };
}

/** Without colours, stack traces and the provider's packing. What a job says is kept as it is. */
export function cleaned(text: string): string {
  const plain = stripVTControlCharacters(text.replaceAll(/<\{%[^%]*%\}>/g, ''));
  return jobWords(plain) ?? unpacked(plain);
}

/** What a job said, out of what the command plugin makes of it; undefined where the words are no job's. */
function jobWords(text: string): string | undefined {
  const [, reason, output] = /^([^\n]+): running "(?:[^"\\\n]|\\.)*":\n?([^]*)$/.exec(text) ?? [];
  if (reason === undefined || output === undefined) return undefined;
  const said = output.trim();
  const code = /exit status (\d+)$/.exec(reason)?.[1];
  if (code !== undefined) return said || `The job ended with exit code ${code} and said nothing.`;
  const why = /signal: \w+/.test(reason)
    ? `The job was stopped (${reason}): it was interrupted, or it took too long.`
    : `The job could not be run: ${reason}`;
  return `${why}\n${said}`.trim();
}

const unpacked = (text: string): string =>
  text
    .replaceAll(/^\s+at .*(?::\d+:\d+\)?|\(<anonymous>\))$/gm, '')
    .replaceAll(/^(?:creating|updating|replacing|deleting) urn:\S+ /gm, '')
    .replaceAll(/^(?:error|Error|RunError): /gm, '')
    .replaceAll(/^\d+ errors? occurred:\s*\n/gm, '')
    .replaceAll(/^\s*\* /gm, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();

const typeOf = (urn: string): string => urn.split('::').at(-2)?.split('$').at(-1) ?? '';

/** What only repeats that something failed. */
const isNoise = (words: string): boolean =>
  words === '' ||
  /^sdk-v2\/provider2?\.go:/.test(words) || // the bridge says everything twice
  /^(update|destroy|refresh|preview) failed$/.test(words) ||
  /resource \S+ \[\S+\] failed to register/.test(words) || // the SDK, of whatever needs that resource
  /^the program ended with exit code/.test(words);

const isKnownWarning = (words: string): boolean => /using pulumi-\S+ from \$PATH/.test(words);
