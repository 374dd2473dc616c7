import {passLog, RateEvidence, rateLadder} from './evidence.js';
import {type GatePolicy, type GateRule, restartEvery} from './policy.js';

/** A rule that watches one stream of probes: 1 for a failure, 0 for a success. Its first answer stands. */
export interface DecisionRule {
  add(x: number): 'fail' | 'pass' | undefined;
}

/** The gate's own rule on a single stream. */
export function evidenceRule(
  policy: Pick<GatePolicy, 'maxErrorRate' | 'unhealthyErrorRate' | 'confidence' | 'burstGuard' | 'minProbes'>,
): DecisionRule {
  const rate = new RateEvidence({
    maxErrorRate: policy.maxErrorRate,
    ladder: rateLadder(policy.unhealthyErrorRate),
    burstGuard: policy.burstGuard,
    restartEvery,
  });
  const threshold = -Math.log(1 - policy.confidence);
  let failures = 0;
  return {
    add: (x) => {
      failures += x;
      if (rate.add(x) >= threshold) return 'fail';
      const passed =
        rate.count >= policy.minProbes &&
        passLog(rate.count, failures, policy.maxErrorRate, policy.unhealthyErrorRate) >= threshold;
      return passed ? 'pass' : undefined;
    },
  };
}

/** Gatus, Upptime: so many failures in a row. */
export function consecutiveRule(inARow = 3, passAfter = Number.POSITIVE_INFINITY): DecisionRule {
  let row = 0;
  let probes = 0;
  return {
    add: (x) => {
      probes++;
      row = x > 0 ? row + 1 : 0;
      return row >= inARow ? 'fail' : probes >= passAfter ? 'pass' : undefined;
    },
  };
}

/** Argo Rollouts: more than `limit` failures; with a count, success once that many measurements were taken. */
export function failureLimitRule(limit = 3, count = Number.POSITIVE_INFINITY): DecisionRule {
  let failures = 0;
  let probes = 0;
  return {
    add: (x) => {
      probes++;
      if (x > 0) failures++;
      return failures > limit ? 'fail' : probes >= count ? 'pass' : undefined;
    },
  };
}

/** Flagger: windows of `size` probes; a window whose success share is below `minSuccess` is a failed check. */
export function windowRule(size = 60, minSuccess = 0.99, failedWindows = 5, windows = 10): DecisionRule {
  let probes = 0;
  let failures = 0;
  let bad = 0;
  return {
    add: (x) => {
      probes++;
      if (x > 0) failures++;
      if (probes % size !== 0) return undefined;
      if (1 - failures / size < minSuccess) bad++;
      failures = 0;
      return bad >= failedWindows ? 'fail' : probes >= size * windows ? 'pass' : undefined;
    },
  };
}

/** k6: the average so far is compared with a constant, again and again. */
export function runningRateRule(maxRate = 0.01, after = 60): DecisionRule {
  let failures = 0;
  let probes = 0;
  return {
    add: (x) => {
      probes++;
      failures += x;
      return probes >= after && failures / probes > maxRate ? 'fail' : undefined;
    },
  };
}

/** The peers' rules that a user may select, each with the field's usual numbers. */
export function peerRule(rule: Exclude<GateRule, 'evidence'>): DecisionRule {
  if (rule === 'consecutive') return consecutiveRule(3, 60);
  if (rule === 'failure-limit') return failureLimitRule(3, 60);
  return windowRule();
}
