import type {Clock} from '../../kernel/clock.js';
import type {CheckDefinition} from '../policy.js';
import type {FailureClass, Sample, UnusableClass} from '../sample.js';

/** One of the two things that are compared: where it answers, and what is needed to reach it. */
export interface GateSide {
  readonly urls: {readonly frontend?: string; readonly backend?: string; readonly database?: string};
  /** Sent with every request to the frontend and backend of this side; values are secret. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Opens Vercel's deployment protection; sent to the frontend only, and never across a redirect to another host. */
  readonly protectionBypass?: string;
  /** Full SHA it was built from. */
  readonly commit?: string;
  readonly deploymentId?: string;
  /** When it began to serve, epoch milliseconds: an answer that was cached before is stale. */
  readonly readyAtMs?: number;
}

/** What a probe found, with what a person needs to see; free of secrets, bounded. */
export interface ProbeResult extends Sample {
  /** One line: what went wrong, or what was seen. */
  readonly detail?: string;
  readonly status?: number;
  /** Method and address, without query values. */
  readonly request?: string;
  readonly expected?: string;
  readonly got?: string;
  /** Start of the answer's body. */
  readonly excerpt?: string;
  /** True when a cache in between says that it gave the answer. */
  readonly cached?: boolean;
}

export interface ProbeContext {
  readonly side: GateSide;
  /** The comparison's old side: expectations about the commit do not apply to it. */
  readonly isBaseline: boolean;
  /** Ends the probe early; its result is then void. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Value of a secret by its variable's name; all were resolved before the first probe. */
  readonly secret: (name: string) => string;
  /** Text without any secret of this run. */
  readonly redact: (text: string) => string;
  readonly exchange: Exchange;
  /** True to avoid a kept connection. */
  readonly fresh?: boolean;
  /** Extra certificate authority to trust (PEM). */
  readonly ca?: string;
}

export type Probe = (check: CheckDefinition, context: ProbeContext) => Promise<ProbeResult>;

export interface ExchangeRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Body bytes to keep; the rest is counted and dropped. */
  readonly keepBytes: number;
  readonly fresh?: boolean;
}

export interface Answer {
  readonly status: number;
  /** Lower-case names; repeated ones joined by a comma, `set-cookie` by a line break. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly bodyBytes: number;
  /** From sending to the last byte. */
  readonly latencyMs: number;
}

/** One HTTP request without redirects, bounded in time and size. @throws ProbeError with its class. */
export type Exchange = (request: ExchangeRequest) => Promise<Answer>;

/** Ends a probe: a failed one, or (class wall, local) one that measured nothing. Not an error of the program. */
export class ProbeError extends Error {
  readonly class: FailureClass | UnusableClass;
  readonly facts: Partial<ProbeResult>;

  constructor(kind: FailureClass | UnusableClass, message: string, facts: Partial<ProbeResult> = {}) {
    super(message);
    this.name = 'ProbeError';
    this.class = kind;
    this.facts = facts;
  }
}

/** The result that a thrown `ProbeError` stands for; anything else is a bug and thrown on. */
export function resultOf(error: unknown, redact: (text: string) => string): ProbeResult {
  if (!(error instanceof ProbeError)) throw error;
  const unusable = error.class === 'wall' || error.class === 'local';
  return {...error.facts, outcome: unusable ? 'unusable' : 'failed', class: error.class, detail: redact(error.message)};
}

const ownTrouble = new Set([
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EAI_AGAIN',
]);

/**
 * Class of a network error by its code. A resolver that cannot answer now counts as this machine's trouble: no
 * rollback would cure it.
 */
export function classOfCode(code: string | undefined): FailureClass | UnusableClass {
  if (!code) return 'protocol';
  if (ownTrouble.has(code)) return 'local';
  if (/^(ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|EBADRESP|ENONAME)$/.test(code)) return 'dns';
  if (/CERT|TLS|SSL|^EPROTO$|UNABLE_TO_|ALTNAME/.test(code)) return 'tls';
  if (/^(ECONNREFUSED|EHOSTUNREACH|ECONNRESET|EPIPE|EACCES|ECONNABORTED)$/.test(code)) return 'connect';
  if (/TIMEDOUT|TIMEOUT/.test(code)) return 'timeout';
  return 'protocol';
}
