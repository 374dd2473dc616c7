/**
 * The one error thrown on purpose anywhere in the suite.
 *
 * `code` is for machines (upper snake case, stable), `message` says what was refused or found, `remedy` is one
 * imperative sentence for the person on call, `retryable` is true only if the same call may safely succeed later.
 * Anything else that reaches the runner is a bug and prints its stack.
 */
export class Failure extends Error {
  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
  /** Epoch-independent wait asked for by the other side (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Ids and figures that help a reader or a program; never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: {
      remedy: string;
      retryable?: boolean;
      retryAfterMs?: number;
      cause?: unknown;
      details?: Record<string, unknown>;
    },
  ) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.name = 'Failure';
    this.code = code;
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? {};
  }
}

/** One thing that is wrong, found while checking; several make one refusal. */
export interface Problem {
  /** Where it is: an input, a configuration key with line and column, a credential, a setting. */
  readonly where: string;
  /** What is wrong. */
  readonly what: string;
  /** What to do, in the imperative. */
  readonly remedy: string;
}

/** Joins all problems into the one message that rule 8 of the design asks for. */
export function refusal(code: string, subject: string, problems: readonly Problem[]): Failure {
  const list = problems.map((p) => `- ${p.where}: ${p.what}. ${p.remedy}`).join('\n');
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return new Failure(code, `${subject} refused, ${count}; nothing was changed.\n${list}`, {
    remedy: problems.length === 1 ? problems[0]!.remedy : 'Fix each line above and run again.',
    details: {problems},
  });
}

/** The text of anything that was thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for the rejection that an aborted signal causes, however it was wrapped. */
export function isAbort(error: unknown): boolean {
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    if (e.name === 'AbortError' || (e instanceof Failure && e.code === 'CANCELLED')) return true;
  }
  return false;
}

/** The failure that every long call ends with when its signal fires. */
export function cancelled(what: string): Failure {
  return new Failure('CANCELLED', `${what} was cancelled`, {remedy: 'Start it again when you are ready.'});
}
