/**
 * `eval "$(npm run -s env)"`: prints what a shell needs so that `pulumi` works natively in this checkout: PATH,
 * backend, passphrase file, PULUMI_HOME and, where the rig is used, its engine. What the person has set is kept.
 */
import { missingFrom, prepare } from './lib/environment.ts';
import { readArguments } from './lib/arguments.ts';
import { showProgress } from './lib/progress.ts';
import { run } from './lib/sentence.ts';
import { exportLines } from './lib/shell.ts';

await run(async () => {
  readArguments('env', 'Prints what to eval, so that pulumi works in this shell:  eval "$(npm run -s env)"');
  const shellPath = process.env['PATH'] ?? '';
  const progress = showProgress();
  progress.step('tools');
  const { path, variables } = await prepare(progress.now);
  progress.end();
  console.log(exportLines(missingFrom(path, shellPath), variables));
});
