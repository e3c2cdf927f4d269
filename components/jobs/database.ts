import { type DatabaseClient, type DatabaseResult, DatabaseError } from '../../configs/databases/client.ts';
import { postgresPassword, postgresRole } from '../../configs/databases/postgresRole.ts';
import { redisRole } from '../../configs/databases/redisRole.ts';
import type { Engine } from './lib/engine.ts';
import { JobError } from './lib/errors.ts';
import { type HelperArgs, type ImageOf, type JobOf, nobody, withHelper } from './lib/helper.ts';
import { asProgram } from './lib/job.ts';
import { openPipe } from './lib/tunnel.ts';

const tasks = { postgresPassword, postgresRole, redisRole };

/** What is done, and what it is told. */
export type DatabaseTask = {
  [Name in keyof typeof tasks]: { name: Name; told: Parameters<(typeof tasks)[Name]>[1] };
}[keyof typeof tasks];

export interface DatabaseTold {
  job: JobOf;
  /** The image with `nc`. */
  tools: ImageOf;
  /** The image with the database's own client. */
  image: ImageOf;
  /** From where the database is reached. */
  network: HelperArgs['network'];
  task: DatabaseTask;
}

/** Prefix of a line that a person must read although the job has succeeded. */
export const warningMark = 'warning: ';

/** Sets a password or makes a role, with the database's own client or a connection of the job's own. */
export async function database(told: DatabaseTold, engine: Engine): Promise<string> {
  const { job, tools, image, network, task } = told;
  const opened: (() => Promise<void>)[] = [];
  const client: DatabaseClient = {
    run: (command, stdin) =>
      withHelper(engine, job, '', { image, command, user: nobody, network, stdin: true }, (helper) =>
        helper.run({ stdin, seconds: 60 }),
      ),
    connect: async (host, port) => {
      // One at a time: their containers have one name.
      await opened.pop()?.();
      const { pipe, closed } = await openPipe(engine, job, { tools, network, host, port });
      opened.push(async () => {
        pipe.destroy();
        await closed();
      });
      return pipe;
    },
  };
  try {
    const run = tasks[task.name] as (client: DatabaseClient, told: unknown) => Promise<DatabaseResult>;
    const { line, warning } = await run(client, task.told);
    return warning === undefined ? line : `${line}\n${warningMark}${warning}`;
  } catch (error) {
    if (error instanceof DatabaseError) throw new JobError(error.message);
    throw error;
  } finally {
    for (const close of opened) await close();
  }
}

await asProgram(import.meta.main, database);
