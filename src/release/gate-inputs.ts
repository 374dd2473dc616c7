import {choice, duration, flag, integer, list, percent, secret, text, url} from '../runner/spec.js';

/** Inputs that set the gate's policy; each wins over the key of the same name under `gate` in the file. */
export const policyInputs = {
  'max-error-rate': percent({doc: 'A release failing at most this share of probes must not be failed. Default: 1%.'}),
  'unhealthy-error-rate': percent({
    doc: 'A release failing at least this share must not be passed. Default: five times `max-error-rate`.',
  }),
  confidence: percent({doc: 'Both promises hold in at least this share of deployments. Default: 99%.'}),
  'max-latency': duration({doc: 'The latency quantile must stay below this. Default: not judged.'}),
  'latency-quantile': choice({
    options: ['p50', 'p90', 'p95', 'p99'],
    doc: 'Which quantile `max-latency` speaks of. Default: p95.',
  }),
  compare: text({
    pattern: /^(auto|off|https?:\/\/\S+)$/,
    shape: 'auto, off or an http address',
    doc: 'Probe the previous deployment at the same moments: `auto` when its own address is known, `off`, or an address. Default: auto.',
  }),
  'latency-tolerance': percent({
    doc: 'How much slower than the previous deployment is still fine, beside 10 ms. Default: 10%.',
  }),
  'min-duration': duration({doc: 'Earliest pass; a failure is told at once. Default: 2m.'}),
  'max-duration': duration({doc: 'Latest verdict. Default: 10m.'}),
  'min-probes': integer({
    min: 1,
    max: 1_000_000,
    doc: 'Fewest probes of each check before a pass. Default: as many clean ones as the promise needs, which the log tells.',
  }),
  interval: duration({doc: 'Pace of the rounds; all checks of a round go out together. Default: 1s.'}),
  'control-url': url({doc: 'An unrelated address; a round in which it fails is void. Default: none.'}),
  'warm-up': duration({doc: 'Not judged before the first success of a check, at most this long. Default: 60s.'}),
  'burst-guard': text({
    pattern: /^(off|\d+(\.\d+)?\s*%)$/,
    shape: 'a percentage or off',
    doc: 'How likely the next probe of a healthy service may fail right after a failure. Default: 50%.',
  }),
  'on-timeout': choice({
    options: ['inconclusive', 'pass', 'fail'],
    doc: 'What an undecided gate reports at its time limit. Default: inconclusive.',
  }),
  'traffic-metrics': choice({
    options: ['auto', 'off'],
    doc: "Also judge the users' own requests as the platform counts them. Default: auto.",
  }),
  rule: choice({
    options: ['evidence', 'consecutive', 'failure-limit', 'window'],
    doc: "The rule that decides. Only `evidence` promises anything; the others are the field's usual ones: 3 failures in a row, more than 3 failures, 5 bad windows of 60. Default: evidence.",
  }),
} as const;

/** One check by inputs alone; it takes the place of the checks in the file. */
export const checkInputs = {
  url: url({doc: 'Address to check, instead of the checks in the file.', example: 'https://shop.example/health'}),
  'expect-status': list({doc: 'Status codes that are fine at `url`. Default: 200 to 299.', example: '200,204'}),
  'expect-text': text({doc: 'Text that the body at `url` must contain.'}),
  'expect-json': text({
    doc: 'JSONPath that must select something in the answer at `url`; with ` == value`, that must be equal.',
    example: '$.status == ok',
  }),
  'expect-commit-header': text({
    doc: "Header of the answer that carries the commit; it must be this release's.",
    example: 'x-commit',
  }),
  'expect-commit-json': text({doc: 'JSONPath of the commit in the answer.', example: '$.commit'}),
  'bearer-token': secret({doc: 'Sent as bearer token with each probe of `url`.'}),
} as const;

export {choice, duration, flag, integer, list, percent, secret, text, url};
