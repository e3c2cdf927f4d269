import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

// A command is a module whose main runs while the module itself does: what stands below and is no function declaration
// does not exist yet. Neither the compiler nor a test of the parts sees that.
const files = globSync('commands/*.ts', { cwd: `${import.meta.dirname}/../..` }).sort();
const lateIn = (text: string): string[] => {
  const [, ...below] = text.split(/^await /m);
  return below.join('').match(/^(?:export )?(?:const|let|class) \w+/gm) ?? [];
};

it.each(files)('%s: everything that its main uses is there when it runs', (file) => {
  expect(lateIn(readFileSync(`${import.meta.dirname}/../../${file}`, 'utf8'))).toEqual([]);
});

it('a late one is found', () => {
  expect(lateIn('const early = 1;\nawait run(main);\nfunction main() {}\nconst late = 2;\n')).toEqual([
    'const late',
  ]);
});
