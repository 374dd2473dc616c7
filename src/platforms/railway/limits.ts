/** What Railway's answers say about the quota. Every part is optional: the documented headers are mostly absent. */
export interface RateLimits {
  /** Requests allowed in the window. */
  readonly limit?: number;
  readonly remaining?: number;
  /** Epoch milliseconds at which the window renews. */
  readonly resetAtMs?: number;
  /** Length of the window in seconds. */
  readonly windowS?: number;
}

/** Reads `X-RateLimit-*`, `RateLimit-*`, `RateLimit` and `RateLimit-Policy`; whichever are there. */
export function readLimits(headers: Headers, nowMs: number): RateLimits {
  const number = (...names: string[]) =>
    names.map((name) => figure(headers.get(name))).find((value) => value !== undefined);
  const policy = headers.get('ratelimit-policy') ?? '';
  const current = headers.get('ratelimit') ?? '';
  const reset = number('x-ratelimit-reset', 'ratelimit-reset') ?? parameter(current, 't');
  return {
    limit: number('x-ratelimit-limit', 'ratelimit-limit') ?? parameter(policy, 'q'),
    remaining: number('x-ratelimit-remaining', 'ratelimit-remaining') ?? parameter(current, 'r'),
    resetAtMs: reset === undefined ? undefined : resetTime(reset, nowMs),
    windowS: parameter(policy, 'w'),
  };
}

/** Joins what a new answer says with what older ones said. */
export function mergeLimits(known: RateLimits, seen: RateLimits): RateLimits {
  return {
    limit: seen.limit ?? known.limit,
    remaining: seen.remaining ?? known.remaining,
    resetAtMs: seen.resetAtMs ?? known.resetAtMs,
    windowS: seen.windowS ?? known.windowS,
  };
}

function figure(value: string | null): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)/.exec(value ?? '');
  return match ? Number(match[1]) : undefined;
}

function parameter(value: string, name: string): number | undefined {
  const match = new RegExp(`[;,]\\s*${name}=(\\d+)`).exec(value);
  return match ? Number(match[1]) : undefined;
}

// Seen as seconds from now, as epoch seconds and as epoch milliseconds.
function resetTime(value: number, nowMs: number): number {
  if (value > 1e12) return value;
  return value > 1e9 ? value * 1_000 : nowMs + value * 1_000;
}
