import type {Outcome} from './options.js';
import type {Health} from './records.js';

export interface JobPlan {
  /** How the job ends; default `succeeded`, or `failed` when a host fails. `stuck` stays in progress. */
  readonly outcome?: 'succeeded' | 'failed' | 'skipped' | 'stuck';
  /** Production hosts that stay on the old deployment. */
  readonly failHosts?: readonly string[];
}

/** What a test or a rehearsal decides in advance about the platform's next moves. */
export class Script {
  readonly #outcomes: Array<{outcome: Outcome; projectId?: string}> = [];
  readonly #jobs: JobPlan[] = [];
  readonly #health: Array<{health: Health; projectId?: string}> = [];
  /** Live log streams are cut after this many events, once for each entry. */
  readonly cutStreamsAfter: number[] = [];
  /** Hosts that an assignment of an alias refuses, with the code to answer. */
  readonly refuseAliases = new Map<string, {status: number; code: string; message: string}>();
  /** Environment keys whose creation is answered with 201 and an entry under `failed`. */
  readonly refuseEnv = new Set<string>();

  /** The outcome of the next deployment, of one project or of any. Calls queue up. */
  next(outcome: Outcome, projectId?: string): void {
    this.#outcomes.push({outcome, ...(projectId ? {projectId} : {})});
  }

  /** How the next promote or rollback goes. Calls queue up. */
  nextJob(plan: JobPlan): void {
    this.#jobs.push(plan);
  }

  /** How the app of the next deployment behaves at its own and every other address. */
  nextHealth(health: Health, projectId?: string): void {
    this.#health.push({health, ...(projectId ? {projectId} : {})});
  }

  takeOutcome(projectId: string): Outcome | undefined {
    return take(this.#outcomes, projectId)?.outcome;
  }

  takeHealth(projectId: string): Health | undefined {
    return take(this.#health, projectId)?.health;
  }

  takeJob(): JobPlan {
    return this.#jobs.shift() ?? {};
  }
}

function take<T extends {projectId?: string}>(queue: T[], projectId: string): T | undefined {
  const index = queue.findIndex((entry) => entry.projectId === undefined || entry.projectId === projectId);
  return index < 0 ? undefined : queue.splice(index, 1)[0];
}
