import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { engineSocket } from './engine.ts';

/**
 * What happens to the request, and to all that follows on its connection:
 * - `hold`: it waits in front of the engine.
 * - `half`: the engine gets the first half of it.
 * - `deaf`: the engine gets it and answers, and the answer is lost.
 * - `cut`: the engine is gone: every connection ends, and nobody answers any more.
 */
export type Fate = 'hold' | 'half' | 'deaf' | 'cut';

export interface Gate {
  /** DOCKER_HOST of whoever is to go through it. */
  dockerHost: string;
  /** The request has come; where its answer is lost, that has come, too. */
  reached: Promise<void>;
  close: () => void;
}

/**
 * A socket before the engine: everything passes until the nth request comes whose first line matches. So a test can stop
 * a job at the place that it means.
 */
export async function gateAt(socket: string, request: RegExp, fate: Fate, nth = 1): Promise<Gate> {
  const open = new Set<Socket>();
  let arrived: () => void;
  const reached = new Promise<void>((resolve) => (arrived = resolve));
  const gate = { triggered: false, left: nth };
  const close = (): void => {
    server.close();
    rmSync(socket, { force: true });
    for (const one of open) one.destroy();
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: engineSocket, allowHalfOpen: true });
    let [deaf, stopped] = [false, false];
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
    client.on('end', () => {
      if (!stopped) engine.end();
    });
    engine.on('end', () => client.end());
    engine.on('data', (chunk) => {
      if (deaf) arrived();
      else client.write(chunk);
    });
    client.on('data', (chunk: Buffer) => {
      if (stopped) return;
      const line = chunk.toString('latin1', 0, 300).split('\r\n')[0] ?? '';
      if (gate.triggered || !request.test(line) || --gate.left > 0) {
        engine.write(chunk);
        return;
      }
      gate.triggered = true;
      if (fate === 'cut') close();
      else if (fate === 'deaf') {
        deaf = true;
        engine.write(chunk);
        return;
      } else {
        stopped = true;
        if (fate === 'half') engine.write(chunk.subarray(0, Math.ceil(chunk.length / 2)));
      }
      arrived();
    });
  });
  rmSync(socket, { force: true });
  await new Promise<void>((listening) => server.listen(socket, listening));
  return { dockerHost: `unix://${socket}`, reached, close };
}

/** The requests of a job that matter here. */
export const requests = {
  upload: /^PUT \S+\/containers\/\w+\/archive\?/,
  start: /^POST \S+\/containers\/\w+\/start /,
} as const;
