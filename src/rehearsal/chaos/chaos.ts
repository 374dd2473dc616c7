import {formatDuration} from '../../kernel/duration.js';
import type {RehearsalArguments} from '../arguments.js';
import {type ChaosGround, type ChaosResult, playChaos} from './chaos-case.js';
import {chaosPlan, describePlan} from './chaos-plan.js';

/**
 * Disturbs as many releases as asked for, one after another; the seed counts up by one, so that each can be repeated
 * alone.
 * @returns true when nothing was violated and none was left out.
 */
export async function playChaosCases(
  {chaos, seed, json}: Pick<RehearsalArguments, 'chaos' | 'seed' | 'json'>,
  ground: ChaosGround,
  write: (line: string) => void,
): Promise<boolean> {
  const startedMs = Date.now();
  const results: ChaosResult[] = [];
  for (let one = seed; one < seed + chaos && !ground.signal.aborted; one++) {
    if (!json) write(`\nseed ${one}: ${describePlan(chaosPlan(one))}`);
    const result = await playChaos(one, ground);
    if (ground.signal.aborted) break;
    results.push(result);
    write(json ? JSON.stringify(facts(result)) : told(result).join('\n'));
  }
  const violated = results.filter(({violations}) => violations.length > 0);
  const ok = violated.length === 0 && results.length === chaos;
  const summary = {cases: results.length, asked: chaos, seed, violated: violated.map(({plan}) => plan.seed), ok};
  write(
    json
      ? JSON.stringify(summary)
      : `\n${results.length} of ${chaos} releases disturbed in ${formatDuration(Date.now() - startedMs)}, ${violated.length} with violations (seeds ${seed} to ${seed + chaos - 1}).`,
  );
  return ok;
}

function facts({plan, runs, violations, ms}: ChaosResult) {
  return {event: 'chaos', seed: plan.seed, plan: describePlan(plan), runs, violations, ms, ok: violations.length === 0};
}

function told({plan, runs, violations, ms}: ChaosResult): string[] {
  return [
    `  ${runs.join(', ')}: ${violations.length ? 'VIOLATED' : 'held'} in ${formatDuration(ms)}`,
    ...violations.map((violation) => `  ✖ ${violation.replaceAll('\n', '\n    ')}`),
    ...(violations.length ? [`  Repeat it alone: npm run rehearse -- --chaos 1 --seed ${plan.seed}`] : []),
  ];
}
