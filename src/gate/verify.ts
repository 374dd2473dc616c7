import {overallLog, type Voice} from './combine.js';
import {latencyId} from './gate.js';
import {decodeLetters} from './letter-log.js';
import {type EvidenceRecord, policyOf, type RecordCheck, type RecordTraffic, recordSchema, toLog10} from './record.js';
import {type Letter, StreamEvidence, WindowEvidence} from './stream.js';

/** Why a record does not prove its verdict; empty when it does. */
export function verifyRecord(record: EvidenceRecord): string[] {
  if (record.schema !== recordSchema) return [`schema ${String(record.schema).slice(0, 60)} is not ${recordSchema}`];
  try {
    return problemsOf(record);
  } catch (error) {
    // The file may be anything; what cannot be walked through is no proof.
    return [`the record is damaged: ${error instanceof Error ? error.message : 'unreadable'}`];
  }
}

function problemsOf(record: EvidenceRecord): string[] {
  const problems: string[] = [];
  const voices: Voice[] = [];
  const replays = record.checks.map((check) => replayCheck(check, record, problems, voices));
  for (const source of record.traffic) replayTraffic(source, record, problems, voices);
  const threshold = record.config.runners / (1 - record.config.confidence);
  if (!near(Math.log10(record.overall.threshold), Math.log10(threshold), 1e-5))
    problems.push(`the threshold is ${threshold}, not ${record.overall.threshold}`);
  const overall = toLog10(overallLog(voices));
  if (!near(overall, record.overall.log10_evidence))
    problems.push(`the overall evidence is 10^${overall}, not 10^${record.overall.log10_evidence}`);
  problems.push(...verdictProblems(record, replays, overall, Math.log10(threshold)));
  return problems;
}

interface Replay {
  readonly check: RecordCheck;
  readonly letters: readonly Letter[];
  readonly stream: StreamEvidence;
}

/** Sends the letters through the same engine that decided, comparing wherever the record kept a value. */
function replayCheck(check: RecordCheck, record: EvidenceRecord, problems: string[], voices: Voice[]): Replay {
  const letters = decodeLetters(check.letters) ?? [];
  const policy = policyOf(record.config);
  const stream = new StreamEvidence({
    policy,
    paired: check.paired,
    ...(check.max_latency_ms === undefined ? {} : {maxLatencyMs: check.max_latency_ms}),
  });
  const say = (what: string) => problems.push(`${check.id}: ${what}`);
  if (check.letters !== '' && letters.length === 0) say('its letters cannot be read');
  const strange = strangeLetter(letters, check);
  if (strange) say(`the letter "${strange}" cannot occur in it`);
  const kept = new Map(
    record.trace.filter((entry) => entry.check === check.id).map((entry) => [entry.position, entry]),
  );
  letters.forEach((letter, position) => {
    stream.add(letter);
    const entry = kept.get(position);
    if (!entry) return;
    kept.delete(position);
    if (entry.outcome !== letter) say(`trace entry ${position} is "${entry.outcome}", the letters say "${letter}"`);
    if (!near(toLog10(stream.rateLog), entry.log10_evidence_after))
      say(
        `the evidence after ${position + 1} observations is 10^${toLog10(stream.rateLog)}, not 10^${entry.log10_evidence_after}`,
      );
    if (!sameOptional(stream.latencyLog, entry.log10_latency_evidence_after))
      say(`the latency evidence after ${position + 1} observations differs`);
  });
  if (kept.size) say('the trace holds observations that the letters do not');
  compareTotals(check, letters, stream, say);
  if (check.severity === 'critical') {
    voices.push({id: check.id, weight: check.weight, log: stream.rateLog});
    if (stream.latencyLog !== undefined)
      voices.push({id: latencyId(check.id), weight: check.weight, log: stream.latencyLog});
  }
  return {check, letters, stream};
}

function compareTotals(
  check: RecordCheck,
  letters: readonly Letter[],
  stream: StreamEvidence,
  say: (what: string) => void,
): void {
  const count = (letter: Letter) => letters.reduce((sum, one) => sum + (one === letter ? 1 : 0), 0);
  if (stream.probes !== check.n || stream.failures !== check.failures)
    say(`${stream.failures} of ${stream.probes} failed, not ${check.failures} of ${check.n}`);
  if (count('w') !== check.warmup_probes || count('v') !== check.void || count('u') !== check.unusable)
    say('its warm-up, void or unusable observations are counted wrongly');
  if (check.kept !== undefined && count('+') !== check.kept) say('its kept contracts are counted wrongly');
  if (check.pairs && !samePairs(check.pairs, count)) say('its pairs are counted wrongly');
  // Far from the threshold one slow pair moves the evidence by less than it is compared to, so they are counted as well.
  if (check.max_latency_ms !== undefined && stream.overLimit !== check.over_limit)
    say(`${stream.overLimit} were over the latency limit, not ${check.over_limit}`);
  const slower = check.latency_ms?.slower_pairs;
  if (slower !== undefined && stream.slowerPairs?.slower !== slower)
    say(`${stream.slowerPairs?.slower} pairs were slower, not ${slower}`);
  if (!near(toLog10(stream.objectiveLog), check.log10_evidence_fail))
    say(`the evidence against it is 10^${toLog10(stream.objectiveLog)}, not 10^${check.log10_evidence_fail}`);
  if (!near(toLog10(stream.passLog), check.log10_evidence_pass))
    say(`the evidence for it is 10^${toLog10(stream.passLog)}, not 10^${check.log10_evidence_pass}`);
  if (!sameOptional(stream.relativeLog, check.log10_evidence_relative)) say('the evidence of the comparison differs');
  if (!sameOptional(stream.latencyLog, check.log10_evidence_latency)) say('the evidence about latency differs');
}

function samePairs(pairs: NonNullable<RecordCheck['pairs']>, count: (letter: Letter) => number): boolean {
  const bothOk = count('.') + count('o') + count('s') + count('S');
  return (
    bothOk === pairs.both_ok &&
    count('c') === pairs.candidate_only &&
    count('b') + count('B') === pairs.baseline_only &&
    count('f') === pairs.both_failed
  );
}

/** A letter that this check could not have produced, such as a latency over a limit that there is none. */
function strangeLetter(letters: readonly Letter[], check: RecordCheck): Letter | undefined {
  let paired = check.paired;
  let allowed = lettersOf(check, paired);
  for (const letter of letters) {
    if (letter === '~' && paired) {
      paired = false;
      allowed = lettersOf(check, paired);
    } else if (!allowed.includes(letter)) return letter;
  }
  return undefined;
}

function lettersOf(check: RecordCheck, paired: boolean): string {
  if (check.mode !== 'stream') return 'vux+!';
  const over = check.max_latency_ms === undefined ? '' : '=';
  const overPaired = check.max_latency_ms === undefined ? '' : 'oSB';
  return `wvux-${over}${paired ? `.sbcf${overPaired}` : ''}`;
}

function replayTraffic(source: RecordTraffic, record: EvidenceRecord, problems: string[], voices: Voice[]): void {
  const evidence = new WindowEvidence(policyOf(record.config), record.config.max_latency_ms);
  for (const window of source.windows)
    evidence.add({
      requests: window.requests,
      errors: window.errors,
      ...(window.p95_ms === undefined ? {} : {p95Ms: window.p95_ms}),
    });
  if (!near(toLog10(evidence.rateLog), source.log10_evidence_fail))
    problems.push(
      `${source.id}: the evidence against it is 10^${toLog10(evidence.rateLog)}, not 10^${source.log10_evidence_fail}`,
    );
  if (!sameOptional(evidence.latencyLog, source.log10_evidence_latency))
    problems.push(`${source.id}: the evidence about latency differs`);
  voices.push({id: source.id, weight: source.weight, log: evidence.rateLog});
  if (evidence.latencyLog !== undefined)
    voices.push({id: latencyId(source.id), weight: source.weight, log: evidence.latencyLog});
}

/** Does the evidence carry the verdict? */
function verdictProblems(
  record: EvidenceRecord,
  replays: readonly Replay[],
  overall: number,
  threshold: number,
): string[] {
  const {verdict, reason_code: reason} = record;
  const slack = 1e-9;
  const critical = replays.filter(({check}) => check.severity === 'critical');
  if (record.config.rule !== 'evidence') return [];
  if (verdict === 'fail' && ['rate', 'compare', 'latency', 'traffic', 'several'].includes(reason))
    return overall >= threshold - slack ? [] : ['the evidence does not reach the threshold, so it cannot say FAIL'];
  if (verdict === 'fail' && reason === 'contract')
    return critical.some(({check, letters}) => brokenAtEnd(check, letters))
      ? []
      : ['no contract was broken twice in a row'];
  if (verdict === 'fail' && reason === 'never-ready')
    return critical.some(
      ({check, letters}) =>
        record.blamed.includes(check.id) &&
        letters.length > 0 &&
        letters.every((letter) => letter === 'w' || letter === 'v' || letter === 'u'),
    )
      ? []
      : ['the check that was never ready has counted observations'];
  if (verdict === 'fail') return [`${reason} is no reason to fail`];
  if (verdict !== 'pass') return [];
  const unproved = critical.filter(({check, stream}) =>
    check.mode === 'stream'
      ? stream.passLog < -Math.log1p(-record.config.confidence) - slack || stream.probes < record.config.min_probes
      : !check.kept,
  );
  const problems = unproved.map(
    ({check}) => `${check.id}: its evidence for health does not reach the threshold, so it cannot say PASS`,
  );
  if (critical.length === 0) problems.push('no critical check, so it cannot say PASS');
  if (record.overall.void_rounds > 0.2 * record.overall.rounds) problems.push('too many void rounds for PASS');
  return problems;
}

function brokenAtEnd(check: RecordCheck, letters: readonly Letter[]): boolean {
  const reads = letters.filter((letter) => letter === '!' || letter === '+');
  return reads.at(-1) === '!' && (check.mode === 'leak' || reads.at(-2) === '!');
}

function sameOptional(log: number | undefined, recorded: number | undefined): boolean {
  return log === undefined || recorded === undefined
    ? (log === undefined) === (recorded === undefined)
    : near(toLog10(log), recorded);
}

/** Equal to one part in a million of the evidence itself, not of its logarithm. */
function near(a: number, b: number, tolerance = 1e-6): boolean {
  return Math.abs(a - b) * Math.LN10 <= tolerance;
}
