import { describe, expect, it } from 'vitest';
import { plainLog } from '../../commands/lib/unhealthy.ts';

const part = (text: string, stream = 1): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

describe('the log of a container that did not become healthy', () => {
  it('is shown without the heads of its parts', () => {
    expect(plainLog(Buffer.concat([part('starts\n'), part('permission denied: größe\n', 2)]))).toBe(
      'starts\npermission denied: größe',
    );
  });

  it('may be empty, or cut off', () => {
    expect(plainLog(Buffer.alloc(0))).toBe('');
    expect(plainLog(part('whole\n').subarray(0, 10))).toBe('wh');
  });
});
