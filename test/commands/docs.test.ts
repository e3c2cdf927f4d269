import { expect, test } from 'vitest';
import { documents, isCurrent } from '../../commands/docs.ts';
import { sections } from '../../configs/settingsDocs.ts';

test.each(documents)('3.19: $path says what its source says (else: npm run docs)', async (document) => {
  expect(await isCurrent(document)).toBe(true);
});

test('a document that is not what its source says is noticed', async () => {
  const [first] = documents;
  if (first === undefined) throw new Error('no documents');
  expect(await isCurrent({ ...first, render: async () => `${await first.render()}x` })).toBe(false);
  expect(await isCurrent({ ...first, path: 'docs/not-there.md' })).toBe(false);
});

test('3.19: every section of the settings says what it is about', () => {
  for (const { title, about } of sections()) expect(about, title).toMatch(/^[A-Z].+\.$/);
});
