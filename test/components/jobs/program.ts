import { JobError } from '../../../components/jobs/lib/errors.ts';
import { asProgram } from '../../../components/jobs/lib/job.ts';
import { ApplyError } from '../../../configs/running.ts';

/** A job that ends as it is told, for the test of what a job is as a program. */
export interface ProgramTold {
  ends: 'well' | 'JobError' | 'ApplyError' | 'mistake' | 'text';
  message: string;
  /** Repetitions of the message. */
  times?: number;
  ask?: boolean;
}

await asProgram(import.meta.main, async ({ ends, message, times = 1, ask = false }: ProgramTold, engine) => {
  const said = message.repeat(times);
  if (ask) await engine.request('GET', '/version');
  switch (ends) {
    case 'well':
      return said;
    case 'JobError':
      throw new JobError(said, { cause: new Error('the cause') });
    case 'ApplyError':
      throw new ApplyError(said);
    case 'mistake':
      throw new TypeError(said);
    case 'text':
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a careless library may do
      throw said;
  }
});
