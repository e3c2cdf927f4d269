import { createServer, request, type Server } from 'node:http';
import { rmSync } from 'node:fs';
import { engineSocket } from './engine.ts';

type Answer = Record<string, unknown>;

/**
 * A socket behind which the engine answers, but for fields of `GET /version` and `GET /info` that are said otherwise.
 * Stands in for hosts that cannot be had here, an old engine and a full disk; what else such an engine does, it cannot
 * show.
 */
export async function engineThatSays(
  socket: string,
  said: Readonly<Record<'version' | 'info', Answer>>,
): Promise<Server> {
  const server = createServer((asked, answer) => {
    const { method, url = '', headers } = asked;
    const kind = /^(?:\/v[\d.]+)?\/(version|info)(?:\?|$)/.exec(url)?.[1] as keyof typeof said | undefined;
    const call = request({ socketPath: engineSocket, method, path: url, headers }, (real) => {
      if (kind === undefined) {
        answer.writeHead(real.statusCode ?? 502, real.headers);
        real.pipe(answer);
        return;
      }
      let body = '';
      real.setEncoding('utf8').on('data', (data: string) => (body += data));
      real.on('end', () => {
        answer.writeHead(200, { 'content-type': 'application/json' });
        answer.end(JSON.stringify({ ...(JSON.parse(body) as Answer), ...said[kind] }));
      });
    });
    call.on('error', () => answer.destroy());
    asked.pipe(call);
  });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}

export const closed = (server: { close: (done: () => void) => unknown }): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
