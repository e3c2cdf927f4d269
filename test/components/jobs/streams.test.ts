import { PassThrough } from 'node:stream';
import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { archiveOf, entriesOf, type Entry } from '../../../components/jobs/lib/archive.ts';
import { demultiplexed } from '../../../components/jobs/lib/streams.ts';
import { frame } from './pretendedEngine.ts';

const taken = () => {
  const stream = new PassThrough();
  const chunks: [string, string][] = [];
  const ended = demultiplexed(stream, (chunk, kind) => chunks.push([kind, chunk.toString()]));
  return { stream, chunks, ended };
};

describe('what an attached container writes', () => {
  const whole = Buffer.concat([frame('out é'), frame('', 1), frame('err', 2), frame('more')]);
  const expected = [
    ['stdout', 'out é'],
    ['stdout', ''],
    ['stderr', 'err'],
    ['stdout', 'more'],
  ];

  test('in one piece', async () => {
    const { stream, chunks, ended } = taken();
    stream.end(whole);
    await ended;
    expect(chunks).toEqual(expected);
  });

  test('split anywhere', async () => {
    for (let at = 1; at < whole.length; at += 1) {
      const { stream, chunks, ended } = taken();
      stream.write(whole.subarray(0, at));
      await new Promise(setImmediate);
      stream.end(whole.subarray(at));
      await ended;
      expect(chunks).toEqual(expected);
    }
  });

  test('byte by byte', async () => {
    const { stream, chunks, ended } = taken();
    for (const byte of whole) stream.write(Buffer.from([byte]));
    stream.end();
    await ended;
    expect(chunks).toEqual(expected);
  });

  test('a frame that is cut off by the end is not handed on', async () => {
    const { stream, chunks, ended } = taken();
    stream.end(whole.subarray(0, whole.length - 1));
    await ended;
    expect(chunks).toEqual(expected.slice(0, 3));
  });

  test.each([
    ['an error', (stream: PassThrough) => stream.destroy(new Error('reset'))],
    ['being closed', (stream: PassThrough) => stream.destroy()],
  ])('%s is an end', async (_, end) => {
    const { stream, ended } = taken();
    end(stream);
    await ended;
  });

  test('a stream that was closed before has ended', async () => {
    const stream = new PassThrough();
    stream.destroy();
    await new Promise(setImmediate);
    await demultiplexed(stream, () => undefined);
  });
});

describe('archives', () => {
  const owner = '472:0';
  const there = async (...entries: Entry[]): Promise<Entry[]> => [
    ...(await entriesOf(await archiveOf(entries))).values(),
  ];

  test('nothing', async () => {
    expect(await there()).toEqual([]);
  });

  test('files, folders and links come back as they were', async () => {
    const entries: Entry[] = [
      { path: 'folder', owner, mode: 0o755 },
      { path: 'folder/empty', owner: '0:0', mode: 0o600, content: '' },
      { path: 'folder/it\'s a "name" – ü', owner, mode: 0o400, content: 'é\n' },
      {
        path: `deep/${'x'.repeat(90)}/${'y'.repeat(90)}/${'z'.repeat(90)}`,
        owner,
        mode: 0o644,
        content: 'long',
      },
      { path: 'current', owner, mode: 0o777, link: 'revision-1' },
      { path: 'big-ids', owner: '4000000:4000000', mode: 0o644, content: 'x' },
    ];
    expect(await there(...entries)).toEqual(entries);
  });

  test('large files', async () => {
    const content = 'é'.repeat(1_000_000);
    expect((await there({ path: 'x', owner, mode: 0o644, content }))[0]?.content).toBe(content);
  });

  test('the same bytes every time', async () => {
    const entries: Entry[] = [{ path: 'x', owner, mode: 0o644, content: 'x' }];
    const [one, other] = [await archiveOf(entries), await archiveOf(entries)];
    expect(one.equals(other)).toBe(true);
  });

  test('what is neither file nor folder counts as a link', async () => {
    const tar = pack();
    tar.entry({ name: 'a', type: 'file', mode: 0o100644 }, 'x');
    tar.entry({ name: 'hard', type: 'link', linkname: 'a' });
    tar.entry({ name: 'pipe', type: 'fifo' });
    tar.finalize();
    const found = await entriesOf(await buffer(tar));
    expect(found.get('a')).toMatchObject({ content: 'x', mode: 0o644 });
    expect(found.get('hard')).toMatchObject({ link: 'a' });
    expect(found.get('pipe')).toMatchObject({ link: '' });
  });

  test('one that is cut off is an error', async () => {
    const whole = await archiveOf([{ path: 'x', owner, mode: 0o644, content: 'x'.repeat(5000) }]);
    await expect(entriesOf(whole.subarray(0, 2000))).rejects.toThrow();
  });
});
