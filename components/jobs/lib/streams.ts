import type { Duplex } from 'node:stream';

/**
 * Hands on what an attached container writes: its output and error output, of which the engine makes one stream of
 * frames (a kind, three zeros, a length of four bytes, the bytes).
 *
 * @returns when the stream has ended
 */
export function demultiplexed(
  stream: Duplex,
  take: (chunk: Buffer, kind: 'stdout' | 'stderr') => void,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    stream.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= 8) {
        const length = rest.readUInt32BE(4);
        if (rest.length < 8 + length) break;
        take(rest.subarray(8, 8 + length), rest[0] === 2 ? 'stderr' : 'stdout');
        rest = rest.subarray(8 + length);
      }
    });
    // Whoever waits for the container is told of an error there.
    for (const end of ['end', 'close', 'error']) {
      stream.on(end, () => {
        resolve();
      });
    }
  });
}
