import {cleanProbesToPass, passLog, RateEvidence, rateLadder} from './evidence.js';
import {latencySuffix} from './gate.js';
import {percent} from './policy.js';
import {type EvidenceRecord, policyOf, type RecordCheck} from './record.js';

type Facts = Omit<EvidenceRecord, 'sentence'>;

/** The verdict in words, every figure from the record. */
export function sentenceOf(record: Facts): string {
  const body = {pass: passSentence, fail: failSentence, inconclusive: openSentence, error: errorSentence}[
    record.verdict
  ](record);
  const flaky = record.verdict === 'fail' ? '' : flakyNote(record);
  const mapped =
    record.reported === record.verdict
      ? ''
      : ` Reported as ${record.reported.toUpperCase()} by \`on-timeout\`; the ${percent(record.config.confidence)} promise covers FAIL by evidence only.`;
  return `${body}${flaky}${mapped}`;
}

function failSentence(record: Facts): string {
  const check = blamedCheck(record);
  const why: Partial<Record<Facts['reason_code'], (record: Facts, check: RecordCheck) => string>> = {
    rate: rateFailure,
    compare: compareFailure,
    latency: latencyFailure,
    contract: contractFailure,
    'never-ready': neverReady,
    rule: ruleFailure,
  };
  const tell = why[record.reason_code];
  if (tell && check) return tell(record, check);
  if (record.reason_code === 'traffic' || record.blamed.some((id) => id.startsWith('traffic')))
    return trafficFailure(record);
  return `FAIL: no check alone is proved bad; together ${list(record.blamed)} reach evidence ${figure(record.overall.evidence)}.`;
}

function rateFailure(record: Facts, check: RecordCheck): string {
  return `FAIL after ${count(check.n, 'probe')} (${seconds(record)}): ${check.id} failed ${check.failures} of ${check.n}${classes(check)}. A service within ${percent(record.config.max_error_rate)} would look this bad in fewer than 1 of ${odds(record.config.alpha)} deployments (evidence ${figure(record.overall.evidence)} ≥ ${figure(record.overall.threshold)}). Plausible failure rate ${range(check)}.`;
}

function compareFailure(record: Facts, check: RecordCheck): string {
  const pairs = check.pairs!;
  return `FAIL after ${count(check.n, 'pair')} (${seconds(record)}): ${check.id}: ${count(pairs.candidate_only, 'probe')} failed only on the new deployment, ${pairs.baseline_only} only on the previous one, ${pairs.both_failed} on both${classes(check)}. If the new one were no worse, a split this one-sided would appear in fewer than 1 of ${odds(record.config.alpha)} deployments (evidence ${figure(10 ** Math.min(300, check.log10_evidence_relative ?? 0))}).`;
}

function latencyFailure(record: Facts, check: RecordCheck): string {
  const latency = check.latency_ms;
  const limit = check.max_latency_ms;
  const compared = latency?.slower_pairs !== undefined && latency.slower_pairs * 2 > (latency.pairs ?? 0);
  if (compared)
    return `FAIL: ${check.id}: the new deployment was more than ${percent(record.config.latency_tolerance)} slower in ${latency.slower_pairs} of ${latency.pairs} simultaneous pairs (p95 ${ms(latency.p95)} against ${ms(latency.baseline_p95 ?? 0)}).`;
  return `FAIL: ${check.id}: p95 is ${ms(latency?.p95 ?? 0)} and p50 ${ms(latency?.p50 ?? 0)} after ${count(check.n, 'probe')}; at most ${percent(1 - record.config.latency_quantile)} of the answers may take longer than ${ms(limit ?? 0)}. A service within that would look this slow in fewer than 1 of ${odds(record.config.alpha)} deployments.`;
}

function contractFailure(record: Facts, check: RecordCheck): string {
  const example = record.first_failures.findLast((failure) => failure.check === check.id);
  const expected = example?.expected
    ? `: expected ${example.expected}, got ${example.got ?? 'something else'}`
    : example
      ? `: ${example.detail}`
      : '';
  return `FAIL: ${check.id} broke its contract ${check.mode === 'leak' ? 'once, and once is enough' : 'twice'}${expected}.`;
}

function neverReady(record: Facts, check: RecordCheck): string {
  const example = record.first_failures.find((failure) => failure.check === check.id);
  const others = record.blamed.length > 1 ? ` (and ${record.blamed.length - 1} more)` : '';
  const stale = example?.class === 'stale' ? ' This address does not serve the release under test.' : '';
  return `FAIL: ${check.id}${others} never became ready: not one good answer in ${count(check.warmup_probes, 'probe')} and ${record.config.warm_up_s} s of warm-up${example ? `; the first one: ${example.detail}` : ''}.${stale}`;
}

function ruleFailure(record: Facts, check: RecordCheck): string {
  return `FAIL after ${count(check.n, 'probe')} (${seconds(record)}): ${check.id} failed ${check.failures} of ${check.n}${classes(check)} by the rule \`${record.config.rule}\`, which promises nothing about false alarms. Plausible failure rate ${range(check)}.`;
}

function trafficFailure(record: Facts): string {
  const parts = record.traffic
    .filter((source) => record.blamed.some((id) => id.startsWith(source.id)))
    .map((source) => {
      const requests = source.windows.reduce((sum, window) => sum + window.requests, 0);
      const errors = source.windows.reduce((sum, window) => sum + window.errors, 0);
      return `${source.id}: ${errors} of ${requests} requests failed in ${count(source.windows.length, 'window')}`;
    });
  return `FAIL by users' own requests: ${parts.join('; ')}. A service within ${percent(record.config.max_error_rate)} would look this bad in fewer than 1 of ${odds(record.config.alpha)} deployments (evidence ${figure(record.overall.evidence)} ≥ ${figure(record.overall.threshold)}).`;
}

function passSentence(record: Facts): string {
  const streams = judged(record);
  const probes = streams.reduce((sum, check) => sum + check.n, 0);
  const failures = streams.reduce((sum, check) => sum + check.failures, 0);
  const high = Math.max(0, ...streams.map((check) => check.rate.high));
  const spread = streams.length > 1 ? ` on ${streams.length} checks` : '';
  if (record.config.rule !== 'evidence')
    return `PASS after ${count(probes, 'probe')}${spread} (${seconds(record)}): ${count(failures, 'failure')}, by the rule \`${record.config.rule}\`, which promises nothing about missed faults.`;
  if (streams.length === 0)
    return `PASS (${seconds(record)}): every contract was kept; there is no check of kind http, tcp or the like whose failure rate could be judged.`;
  return `PASS after ${count(probes, 'probe')}${spread} (${seconds(record)}): ${count(failures, 'failure')}. A service failing ${percent(record.config.unhealthy_error_rate)} would look this good in fewer than 1 of ${odds(record.config.beta)} deployments. Plausible failure rate at most ${plausible(high)}.`;
}

function openSentence(record: Facts): string {
  if (record.reason_code === 'void-rounds')
    return `INCONCLUSIVE: ${record.overall.void_rounds} of ${record.overall.rounds} rounds were void (the control target failed too, or the clock jumped), so the release could not be measured.`;
  if (record.reason_code === 'wall')
    return `INCONCLUSIVE: ${list(record.blamed)} met a login wall instead of the product. Pass \`protection-bypass\`.`;
  if (record.reason_code === 'no-network')
    return `INCONCLUSIVE: ${list(record.blamed)} could not be reached from this machine.`;
  const check = undecided(record);
  if (!check) return `INCONCLUSIVE at the time limit (${seconds(record)}).`;
  return `INCONCLUSIVE at the time limit (${seconds(record)}): ${check.id} failed ${check.failures} of ${check.n}, plausible rate ${range(check)}, between the ${percent(record.config.max_error_rate)} objective and the ${percent(record.config.unhealthy_error_rate)} limit.${outlook(record, check)}`;
}

/** What would still have to happen for a verdict. */
function outlook(record: Facts, check: RecordCheck): string {
  if (record.config.rule !== 'evidence' || check.mode !== 'stream') return '';
  const policy = policyOf(record.config);
  const needed = -Math.log(1 - policy.confidence);
  let clean = 0;
  while (
    clean < 100_000 &&
    (check.n + clean < policy.minProbes ||
      passLog(check.n + clean, check.failures, policy.maxErrorRate, policy.unhealthyErrorRate) < needed)
  )
    clean++;
  const rate = new RateEvidence({
    maxErrorRate: policy.maxErrorRate,
    ladder: rateLadder(policy.unhealthyErrorRate),
    burstGuard: policy.burstGuard,
    restartEvery: record.config.restart_every,
  });
  for (let i = 0; i < check.n - check.failures; i++) rate.add(0);
  let bad = 0;
  while (bad < 1_000 && rate.add(1) < needed) bad++;
  const fail = check.paired ? '' : `, about ${bad + 1} failures in a row FAIL`;
  return ` ${clean || 'No'} more clean probes would give PASS${fail}.`;
}

function errorSentence(record: Facts): string {
  if (record.reason_code === 'wall')
    return `ERROR: ${list(record.blamed)} met a login wall instead of the product, so nothing was measured. Pass \`protection-bypass\` (Vercel: Settings, Deployment Protection, Protection Bypass for Automation).`;
  return `ERROR: ${list(record.blamed)} could not be reached from this machine, so nothing was measured. Check the runner's network and name resolution.`;
}

function flakyNote(record: Facts): string {
  const check = record.checks.find(
    (candidate) =>
      candidate.severity === 'critical' &&
      candidate.pairs &&
      candidate.log10_evidence_fail >= Math.log10(record.overall.threshold),
  );
  if (!check?.pairs) return '';
  const bad = check.pairs.baseline_only + check.pairs.both_failed;
  return ` The previous deployment also failed ${percent(bad / Math.max(1, check.n))} of ${check.id}: the objective alone would have failed this release, the comparison did not.`;
}

function blamedCheck(record: Facts): RecordCheck | undefined {
  const id = record.blamed[0] ?? '';
  const name = id.endsWith(latencySuffix) ? id.slice(0, -latencySuffix.length) : id;
  return record.checks.find((check) => check.id === id) ?? record.checks.find((check) => check.id === name);
}

function judged(record: Facts): RecordCheck[] {
  return record.checks.filter((check) => check.severity === 'critical' && check.mode === 'stream');
}

/** The check that is farthest from a verdict. */
function undecided(record: Facts): RecordCheck | undefined {
  return [...judged(record)].sort((a, b) => a.log10_evidence_pass - b.log10_evidence_pass)[0] ?? record.checks[0];
}

function classes(check: RecordCheck): string {
  const [first] = Object.entries(check.failure_classes).sort(([, a], [, b]) => b - a);
  return first ? ` (${first[0]})` : '';
}

function list(ids: readonly string[]): string {
  return ids.length > 4 ? `${ids.slice(0, 4).join(', ')} and ${ids.length - 4} more` : ids.join(', ');
}

function range({rate}: RecordCheck): string {
  return `${plausible(rate.low)} to ${plausible(rate.high)}`;
}

/** A share that was measured: two digits after the point are enough. */
function plausible(share: number): string {
  return `${Number((share * 100).toFixed(share < 0.1 ? 2 : 1))}%`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function odds(error: number): string {
  return figure(1 / error);
}

function figure(value: number): string {
  if (value >= 1e6) return value.toExponential(1).replace('e+', 'e');
  return String(Number(value.toPrecision(value >= 1000 ? 4 : 3)));
}

function seconds(record: Facts): string {
  return `${record.seconds >= 100 ? Math.round(record.seconds) : Number(record.seconds.toPrecision(3))} s`;
}

function ms(value: number): string {
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ms`;
}

/** Clean probes per check that a plan needs at least, for the log. */
export function probesNeeded(record: Pick<EvidenceRecord, 'config'>): number {
  return cleanProbesToPass(record.config.max_error_rate, record.config.unhealthy_error_rate, record.config.beta);
}
