import type { Engine } from './engine.ts';
import type { Failure } from './watch.ts';

/** How many of a container's last lines are shown. */
const lines = 10;

/** A container that did not become healthy says why in its log and in its last healthcheck: both are added. */
export function withOwnWords(engine: Engine, stack: string) {
  return (failures: Failure[]): Promise<Failure[]> =>
    Promise.all(
      failures.map(async (failure) => {
        if (failure.name === undefined || !/healthy state/.test(failure.words)) return failure;
        const container = engine.docker.getContainer(`taffrail-${stack}-${failure.name}`);
        try {
          const { State } = await container.inspect();
          const log = await container.logs({ stdout: true, stderr: true, tail: lines });
          const health = State.Health?.Log.at(-1)?.Output.trim() ?? 'nothing';
          return {
            ...failure,
            words: `${failure.words}\nIts healthcheck said: ${health}\nIts last lines:\n${plainLog(log).replaceAll(/^/gm, '  ')}`,
          };
        } catch {
          return failure;
        }
      }),
    );
}

/** A log without the eight bytes with which the engine heads each part of stdout and stderr. */
export function plainLog(log: Buffer): string {
  const parts: string[] = [];
  for (let at = 0; at + 8 <= log.length; at += 8 + log.readUInt32BE(at + 4)) {
    parts.push(log.toString('utf8', at + 8, at + 8 + log.readUInt32BE(at + 4)));
  }
  return parts.join('').trimEnd();
}
