import {formatDuration} from '../kernel/duration.js';
import {Failure, messageOf} from '../kernel/errors.js';
import type {Anchor, Component, Platform, Rollback} from '../platforms/platform.js';

/** Where each component is to be brought, decided before anything changes. */
export interface RollbackTarget {
  readonly component: Component;
  readonly anchor: Anchor;
  /** Deployments of the failed release; those still in flight are cancelled so that they cannot go live later. */
  readonly abandoned: readonly string[];
  /** Its commit, for those deployments that a killed run made and could not note. */
  readonly abandonedCommit?: string;
}

export type ComponentResult =
  | {readonly component: Component; readonly state: 'restored' | 'already'; readonly rollback: Rollback}
  | {readonly component: Component; readonly state: 'failed'; readonly failure: Failure};

/** What going back needs of a platform. */
export type RollbackSide = Pick<Platform, 'rollback' | 'name'>;

export interface RollbackOptions {
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly timeoutMs: number;
  readonly dryRun: boolean;
  readonly allowRebuild: boolean;
  /** A backend that began to run earlier is started again even when it is the target. */
  readonly newerThanMs?: number;
  readonly reason: string;
}

/**
 * Brings all components to their targets at the same time. One platform being down does not stop the other: each
 * result stands for itself, and what failed is named with its remedy.
 */
export async function rollBack(
  platforms: Partial<Record<Component, RollbackSide>>,
  targets: readonly RollbackTarget[],
  options: RollbackOptions,
): Promise<ComponentResult[]> {
  return Promise.all(targets.map((target) => rollBackOne(platforms[target.component], target, options)));
}

async function rollBackOne(
  platform: RollbackSide | undefined,
  {component, anchor, abandoned, abandonedCommit}: RollbackTarget,
  options: RollbackOptions,
): Promise<ComponentResult> {
  const say = (line: string) => options.progress(`${component}: ${line}`);
  if (!platform)
    return {
      component,
      state: 'failed',
      failure: new Failure('NOT_CONFIGURED', `The configuration describes no ${component}`, {
        remedy: `Add \`${component}\` to the configuration file.`,
      }),
    };
  try {
    say(`going back to ${anchor.deploymentId}${anchor.commit ? ` (commit ${anchor.commit.slice(0, 7)})` : ''}`);
    const rollback = await platform.rollback(anchor, {
      ...options,
      abandoned,
      ...(abandonedCommit && {abandonedCommit}),
      progress: say,
    });
    say(`${told(rollback, options.dryRun)} in ${formatDuration(rollback.durationMs)}`);
    if (rollback.by === 'rebuild') say('the platform no longer kept the image, so the commit was built again');
    rollback.warnings.forEach((warning) => say(`note: ${warning}`));
    return {component, state: rollback.outcome, rollback};
  } catch (error) {
    const failure =
      error instanceof Failure
        ? error
        : new Failure('ROLLBACK', messageOf(error), {
            remedy: `Open ${platform.name} and bring ${anchor.deploymentId} back by hand.`,
            cause: error,
          });
    say(`FAILED: ${failure.message}`);
    return {component, state: 'failed', failure};
  }
}

function told({outcome, by, live}: Rollback, dryRun: boolean): string {
  if (outcome === 'already') return 'was there already, verified';
  if (by === 'none') return `${live.deploymentId} is ready and comes when maintenance mode ends`;
  return `${dryRun ? 'would be restored' : 'restored and read back'} as ${live.deploymentId}`;
}
