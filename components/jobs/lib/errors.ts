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

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
