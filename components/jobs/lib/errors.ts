/** A job failed in a way that a person can understand. Only its message is printed. */
export class JobError extends Error {
  override readonly name = 'JobError';
}

/** The engine answered a request with an error. */
export class EngineError extends JobError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A full disk is told with what to do about it; `after` says what is in force. Other errors stay as they are. */
export const withCause = (error: JobError, after = ''): JobError =>
  error instanceof EngineError && /no space left on device/i.test(error.message)
    ? new JobError(
        `The disk of the Docker host is full (no space left on device)${after}.\n` +
          'See what takes it: docker system df     Free some: docker image prune -a',
      )
    : error;

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
