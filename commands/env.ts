/**
 * `eval "$(npm run -s env)"`: prints what a shell needs so that `pulumi` works natively in this checkout: PATH,
 * backend, passphrase file, PULUMI_HOME and, where the rig is used, its engine. What the person has set is kept.
 */
import { delimiter, join } from 'node:path';
import { addPulumi, missingFrom, prepare, programOn, realPath } from './lib/environment.ts';
import { readArguments } from './lib/arguments.ts';
import { showProgress } from './lib/progress.ts';
import { root } from './lib/paths.ts';
import { run, Sentence } from './lib/sentence.ts';
import { exportLines, failingLine } from './lib/shell.ts';

await run(async () => {
  readArguments('env', 'Prints what to eval, so that pulumi works in this shell:  eval "$(npm run -s env)"');
  // `eval` sees what is printed and not the exit code: what is printed must fail in the shell as well.
  try {
    await printed();
  } catch (error) {
    console.log(failingLine);
    throw error;
  }
});

async function printed(): Promise<void> {
  const shellPath = process.env['PATH'] ?? '';
  const cliPath = realPath(process.env);
  const progress = showProgress();
  progress.step('tools');
  // No engine is needed: it may be set, or named in a setting, in the very shell that this is for.
  const environment = await prepare(progress.now, { pulumi: true });
  await addPulumi(progress.now, environment);
  const { path, variables } = environment;
  progress.end();
  const own = join(root, 'commands', 'bin');
  const cli = programOn([...path, ...cliPath.split(delimiter)], 'pulumi');
  if (cli === undefined) throw new Sentence('The Pulumi CLI is not on the PATH.');
  console.log(exportLines(missingFrom([own, ...path], shellPath), { ...variables, TAFFRAIL_PULUMI: cli }));
}
