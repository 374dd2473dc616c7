/**
 * Many streams, one promise: the weighted mean of e-values is an e-value under any dependence, and never later than
 * asking each for its share of α.
 */

// Taken once, as in evidence.ts.
const {exp, log: ln} = Math;

/** One voice in the overall evidence. */
export interface Voice {
  readonly id: string;
  readonly weight: number;
  /** ln of its evidence. */
  readonly log: number;
}

/** ln of the weighted mean; weights need not sum to 1. Without voices nothing speaks: 0. */
export function overallLog(voices: readonly Voice[]): number {
  const total = voices.reduce((sum, voice) => sum + voice.weight, 0);
  if (total <= 0) return 0;
  let high = Number.NEGATIVE_INFINITY;
  for (const voice of voices) if (voice.log > high) high = voice.log;
  if (!Number.isFinite(high)) return high;
  let sum = 0;
  for (const voice of voices) sum += voice.weight * exp(voice.log - high);
  return high + ln(sum / total);
}

/** Share of the overall evidence that each voice brings, in the given order; they sum to 1. */
export function shares(voices: readonly Voice[]): number[] {
  const total = voices.reduce((sum, voice) => sum + voice.weight, 0);
  const overall = overallLog(voices);
  return voices.map((voice) => (voice.weight > 0 ? exp(ln(voice.weight / total) + voice.log - overall) : 0));
}

/**
 * Who is to blame once the overall evidence reached its threshold.
 * @returns `proved`: enough alone; `contributing`: when none is, the fewest that make up 90 % of the evidence.
 */
export function blame(
  voices: readonly Voice[],
  thresholdLog: number,
): {readonly proved: readonly string[]; readonly contributing: readonly string[]} {
  const total = voices.reduce((sum, voice) => sum + voice.weight, 0);
  const proved = voices
    .filter((voice) => voice.weight > 0 && ln(voice.weight / total) + voice.log >= thresholdLog)
    .map((voice) => voice.id);
  if (proved.length) return {proved, contributing: []};
  const parts = shares(voices);
  const ranked = voices.map((voice, i) => ({id: voice.id, share: parts[i]!})).sort((a, b) => b.share - a.share);
  const contributing: string[] = [];
  let covered = 0;
  for (const {id, share} of ranked) {
    if (covered >= 0.9) break;
    contributing.push(id);
    covered += share;
  }
  return {proved, contributing};
}
