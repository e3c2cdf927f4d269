/** `npm run rig`: makes the rig ready and prints its table; `npm run rig:clean` removes all of it. */
import { join } from 'node:path';
import { type Progress, RigError } from './cache.ts';
import { cleanRig, decideRig, ensureRig, formatParts, partsTable, stopRig } from './index.ts';

let last = '';
/** Plain lines: one for each step, and one for a detail that has something new to say about waiting. */
const progress: Progress = ({ step, index, total, detail = '' }) => {
  const line = `rig: [${index}/${total}] ${step}`;
  if (process.stderr.isTTY)
    process.stderr.write(`\r\x1b[K${`${line} ${detail}`.slice(0, process.stderr.columns - 1)}`);
  else if (line !== last || detail.startsWith('waits')) process.stderr.write(`${line} ${detail}\n`);
  last = line;
};

async function main(command = 'ensure'): Promise<void> {
  switch (command) {
    case 'ensure': {
      const { use, reason } = await decideRig(process.env);
      console.log(`The rig is ${use ? '' : 'not '}used: ${reason}.`);
      if (use) {
        const pulumiHome =
          process.env['PULUMI_HOME'] ?? join(import.meta.dirname, '..', '..', '.taffrail', 'pulumi');
        await ensureRig({ pulumiHome, progress });
        if (process.stderr.isTTY) process.stderr.write('\n');
      }
      console.log(formatParts(partsTable(use)));
      return;
    }
    case 'stop': {
      const why = await stopRig(progress);
      if (why !== undefined) console.log(`The rig's engine stays: ${why}. All the same:  npm run rig:clean`);
      return;
    }
    case 'clean':
      await cleanRig(progress);
      return;
    default:
      throw new RigError(
        `"${command}" is none of the rig's commands. Type: npm run rig -- [ensure|stop|clean]`,
      );
  }
}

try {
  await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof RigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
