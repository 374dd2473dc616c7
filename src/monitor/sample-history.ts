import {type Random, seeded} from '../gate/simulation.js';
import {type History, hourSpanMs} from './history.js';
import type {Round, ServiceResult} from './sample.js';
import {SimulatedService} from './simulation.js';

const dayMs = 86_400_000;

/** A history as a product would have it, for benchmarks, screenshots and tests; the same seed gives the same one. */
export interface SampleHistory {
  readonly services: readonly string[];
  readonly nowMs: number;
  readonly days: number;
  readonly everyMs: number;
  readonly seed: number;
  /** Spans in which a service failed: of these days before now, for so long. */
  readonly outages?: ReadonlyArray<{
    readonly service: string;
    readonly daysAgo: number;
    readonly lastsMs: number;
    readonly rate: number;
  }>;
  /** Spans in which nobody looked. */
  readonly gaps?: ReadonlyArray<{readonly daysAgo: number; readonly lastsMs: number}>;
}

/** Writes it round by round, making days coarser as they age, as a real watch would. */
export async function writeSampleHistory(history: History, sample: SampleHistory): Promise<void> {
  const {services, nowMs, days, everyMs, seed} = sample;
  const simulated = services.map((service, i) => ({
    service,
    random: seeded(seed + 100 + i),
    simulation: new SimulatedService(seeded(seed + i), 0.9995),
    baseMs: 60 + 37 * ((i * 7) % 11),
  }));
  for (let day = days; day >= 0; day--) {
    const rounds: Round[] = [];
    const startMs = Math.floor((nowMs - day * dayMs) / dayMs) * dayMs;
    for (let atMs = startMs; atMs < Math.min(nowMs, startMs + dayMs); atMs += everyMs) {
      if (isGap(sample, atMs)) continue;
      const results = new Map<string, ServiceResult>();
      for (const {service, random, simulation, baseMs} of simulated)
        results.set(service, resultAt(sample, service, atMs, random, simulation, baseMs));
      rounds.push({atMs, kind: 'scheduled', results});
    }
    await history.appendRounds(rounds);
    if (day % 30 === 0) await history.compact(startMs + dayMs);
  }
  await history.compact(nowMs);
}

function resultAt(
  {outages = [], nowMs}: SampleHistory,
  service: string,
  atMs: number,
  random: Random,
  simulation: SimulatedService,
  baseMs: number,
): ServiceResult {
  const broken = outages.some((outage) => {
    const fromMs = nowMs - outage.daysAgo * dayMs;
    return outage.service === service && atMs >= fromMs && atMs < fromMs + outage.lastsMs && random() < outage.rate;
  });
  if (simulation.fails(atMs - nowMs + 400 * dayMs) || broken)
    return {outcome: 'failed', class: 'status-5xx', latencyMs: Math.round(baseMs)};
  // Busy by day, quiet by night, slower by the month, and a tail.
  const hour = (atMs % dayMs) / hourSpanMs;
  const busy = 1 + 0.35 * Math.max(0, Math.sin(((hour - 7) / 24) * 2 * Math.PI));
  const drift = 1 + (0.25 * atMs) / nowMs - 0.25;
  const tail = random() < 0.04 ? 1 + 2 * random() : 1;
  return {outcome: 'ok', latencyMs: Math.round(baseMs * busy * drift * tail * (0.85 + 0.3 * random()))};
}

function isGap({gaps = [], nowMs}: SampleHistory, atMs: number): boolean {
  return gaps.some(({daysAgo, lastsMs}) => {
    const fromMs = nowMs - daysAgo * dayMs;
    return atMs >= fromMs && atMs < fromMs + lastsMs;
  });
}
