import { spawn } from 'node:child_process';
import { shellWord } from '../../../configs/whatToType.ts';
import { Pipe } from './pipe.ts';

/**
 * The engine of another host, as Docker's own client reaches it: the system's `ssh` runs `docker system dial-stdio`
 * there. So the person's keys, known hosts and ssh configuration count.
 */
export class SshPipe extends Pipe {
  /** Whether the other side has answered: until then, nothing that was sent has reached an engine. */
  answered = false;
  /** What ssh said on its error output. */
  words = '';
  readonly #byHand: string;

  constructor(url: URL, program = 'ssh') {
    const target = [
      ...(url.port === '' ? [] : ['-p', url.port]),
      ...(url.username === '' ? [] : ['-l', decodeURIComponent(url.username)]),
      '--',
      url.hostname.replace(/^\[|\]$/g, ''),
    ];
    // Never a question: nobody would see it.
    const options = ['-T', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15'];
    // As Docker's client has it: a path names another socket than the usual one, such as a rootless engine's.
    const socket = decodeURIComponent(url.pathname);
    const docker = ['docker', ...(/^\/*$/.test(socket) ? [] : [`--host=unix://${shellWord(socket)}`])];
    const ssh = spawn(program, [...options, ...target, ...docker, 'system', 'dial-stdio'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    super({
      write: (chunk, done) => {
        // That nobody reads it is told by its end, with ssh's own words.
        ssh.stdin.write(chunk, () => {
          done();
        });
      },
      end: () => {
        ssh.stdin.end();
      },
      close: () => {
        ssh.kill();
      },
    });
    this.#byHand = `ssh ${[...target.filter((word) => word !== '--'), ...docker, 'version'].join(' ')}`;
    ssh.stdin.on('error', () => undefined); // told by its end
    ssh.stderr.on('data', (chunk: Buffer) => {
      this.words = (this.words + chunk.toString()).slice(-4000);
    });
    ssh.stdout.on('data', (chunk: Buffer) => {
      this.answered = true;
      this.push(chunk);
    });
    ssh.on('error', (error: NodeJS.ErrnoException) => {
      this.words = error.code === 'ENOENT' ? 'there is no program ssh on the PATH' : error.message;
      this.destroy(new Error(this.words));
    });
    // `close`, not `exit`: its last words may still be under way.
    ssh.on('close', () => {
      if (this.destroyed) return;
      if (this.answered) this.push(null);
      else this.destroy(new Error(reasonOf(this.words, this.#byHand)));
    });
  }
}

/** One sentence of what ssh said, and how to see it by hand. */
function reasonOf(words: string, byHand: string): string {
  const lines = words.split(/[\r\n]+/).filter((line) => line.trim() !== '' && !line.startsWith('Warning: '));
  return `${lines.join(' ').trim() || 'ssh ended without a word.'} Try: ${byHand}`;
}

/**
 * Whether another try may do: sshd drops connections when many log in at once (MaxStartups, 10:30:100 by default), and
 * Pulumi runs several jobs side by side.
 */
export const isDropped = (words: string): boolean =>
  /kex_exchange_identification|Connection (?:reset|closed) by|banner exchange|Not allowed at this time|ssh_exchange_identification/i.test(
    words,
  );

/** How often a login is tried that sshd drops, and the milliseconds before the next one. */
export const loginTries = 7;
export const loginPause = (round: number): number => 200 * round + Math.random() * 400 * round;
