import {join} from 'node:path';
import {serving} from '../outside.js';
import {startVisitor} from '../product/visitor.js';
import {isBack} from '../scenario-checks.js';
import {startWorld} from '../world.js';
import {type Handed, handedBy, startStep} from './release-steps.js';

/** One bad release, from users' first bad answer to a product that is gated again. */
export interface WayBack {
  /** As the rollback itself tells it: from the live gate's first failed probe. */
  readonly outageMs: number;
  /** Until both sides were read back, from the rollback's start. */
  readonly restoreMs: number;
  /** As users saw it: first bad answer to last. */
  readonly badMs: number;
  /** What is not as it should be; empty when all is. */
  readonly wrong: readonly string[];
}

export interface WayBackOptions {
  readonly suiteRoot: string;
  readonly nodePath: string;
  /** How long Railway takes to start a container. */
  readonly containerStartMs: number;
}

/** The gate as it is without settings: what a rehearsal speeds up is not sped up here. */
const usualGate = {};
const visitEveryMs = 250;

export async function measureWayBack(options: WayBackOptions): Promise<WayBack> {
  await using world = await startWorld(join(options.suiteRoot, '.rehearsal'), {
    config: {gate: usualGate},
    railwayDelaysMs: {creating: options.containerStartMs},
  });
  const ground = {world, suiteRoot: options.suiteRoot, nodePath: options.nodePath};
  const start = await serving(world);
  const before = {frontend: start.frontend, backend: start.backend};
  const commit = await world.product.release('bad-after-promotion');
  let handed: Partial<Handed> = {};
  for (const step of ['preflight', 'deploy-frontend', 'deploy-backend', 'promote'] as const) {
    const end = await startStep(ground, step, commit, handed).done;
    if (end.code !== 0) throw new Error(`${step} ended with ${end.code}:\n${end.log.slice(-2_000)}`);
    handed = {...handed, ...handedBy(step, end)};
  }
  const visitor = startVisitor({frontendUrl: world.frontendUrl, apiUrl: world.backendUrl, intervalMs: visitEveryMs});
  const watch = await startStep(ground, 'watch', commit, handed).done;
  const back = await startStep(ground, 'way-back', commit, handed).done;
  const visits = await visitor.stop();
  const checks = await isBack({world, before} as Parameters<typeof isBack>[0]);
  return {
    outageMs: Number(back.outputs['outage-ms'] || Number.NaN),
    restoreMs: Number(back.outputs['restore-ms']),
    badMs: (visits.lastBadMs ?? 0) - (visits.firstBadMs ?? 0),
    wrong: [
      ...(watch.outputs['verdict'] === 'fail' ? [] : [`the watch said ${watch.outputs['verdict']}`]),
      ...(back.code === 0 ? [] : [`the rollback ended with ${back.code}: ${back.log.slice(-1_000)}`]),
      ...checks.filter(({ok}) => !ok).map(({text}) => text),
    ],
  };
}
