import { secretPath } from '../../../configs/paths.ts';
import { prometheusPasswordFile } from '../../../configs/prometheus/listen.ts';
import { addressOf, exec } from './engine.ts';
import { basic, json, until } from './http.ts';

// Loki and Prometheus are asked at their containers' own addresses: a Linux host reaches its bridges.

/** One stream of a Loki answer: labels (and structured metadata), and [nanoseconds, line] pairs. */
export interface Stream {
  stream: Record<string, string>;
  values: [string, string][];
}

export async function loki<T>(project: string, path: string, query: Record<string, string> = {}): Promise<T> {
  const address = await addressOf(`${project}-loki`, '-stores');
  const answer = await json<{ data: T }>(
    `http://${address}:3100/loki/api/v1/${path}?${new URLSearchParams(query).toString()}`,
  );
  if (answer.status !== 200)
    throw new Error(`Loki answered ${String(answer.status)}: ${JSON.stringify(answer.body)}`);
  return answer.body.data;
}

/** Lines of the last hour, oldest first, at most 5000. */
export async function lines(project: string, selector: string, hours = 1): Promise<Stream[]> {
  const start = String(BigInt(Date.now() - hours * 3_600_000) * 1_000_000n);
  const { result } = await loki<{ result: Stream[] }>(project, 'query_range', {
    query: selector,
    start,
    end: String(BigInt(Date.now() + 60_000) * 1_000_000n),
    limit: '5000',
    direction: 'forward',
  });
  return result;
}

/** The lines of all streams in the order of their stamps. */
export const inOrder = (streams: Stream[]): string[] =>
  streams
    .flatMap(({ values }) => values)
    .map(([stamp, line], index) => ({ stamp: BigInt(stamp), index, line }))
    .sort((a, b) => (a.stamp === b.stamp ? a.index - b.index : a.stamp < b.stamp ? -1 : 1))
    .map(({ line }) => line);

const passwords = new Map<string, string>();

/** The password that Prometheus wants, read where Prometheus itself reads it. */
export async function prometheusPassword(project: string): Promise<string> {
  const known = passwords.get(project);
  if (known !== undefined) return known;
  const { stdout } = await exec(`${project}-prometheus`, ['cat', secretPath(prometheusPasswordFile)]);
  if (stdout.trim() === '') throw new Error(`${project}-prometheus has no password file`);
  passwords.set(project, stdout.trim());
  return stdout.trim();
}

export async function prometheus<T>(
  project: string,
  path: string,
  query: Record<string, string> = {},
): Promise<T> {
  const address = await addressOf(`${project}-prometheus`, '-stores');
  const answer = await json<{ data: T }>(
    `http://${address}:9090/api/v1/${path}?${new URLSearchParams(query).toString()}`,
    { headers: basic('taffrail', await prometheusPassword(project)) },
  );
  if (answer.status !== 200)
    throw new Error(`Prometheus answered ${String(answer.status)}: ${JSON.stringify(answer.body)}`);
  return answer.body.data;
}

export interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

/** An instant query. */
export const metrics = async (project: string, query: string): Promise<Sample[]> =>
  (await prometheus<{ result: Sample[] }>(project, 'query', { query })).result;

/** The raw samples of each series within a range such as `1m`: [seconds, value]. */
export async function samples(project: string, selector: string, range: string) {
  return (
    await prometheus<{ result: { metric: Record<string, string>; values: [number, string][] }[] }>(
      project,
      'query',
      {
        query: `${selector}[${range}]`,
      },
    )
  ).result;
}

interface Target {
  labels: Record<string, string>;
  scrapeUrl: string;
  health: string;
  lastError: string;
}

/** `job url: error` of every target that is not up, once each has been scraped. */
export async function targetsDown(project: string): Promise<string[]> {
  const { activeTargets } = await until(
    () => prometheus<{ activeTargets: Target[] }>(project, 'targets', { state: 'active' }),
    ({ activeTargets: all }) => all.every(({ health }) => health !== 'unknown'),
    { seconds: 30 },
  );
  return activeTargets
    .filter(({ health }) => health !== 'up')
    .map(({ labels, scrapeUrl, lastError }) => `${labels['job'] ?? ''} ${scrapeUrl}: ${lastError}`);
}
