import type {EngineEvent, WorkflowResult} from './engine/engine.js';
import type {Check} from './outside.js';
import type {VersionName} from './product/product.js';
import type {VisitLog} from './product/visitor.js';
import type {ProductAddresses} from './product-config.js';
import type {WorkflowName} from './workflow-run.js';
import type {World} from './world.js';

/** What a scenario leaves to be judged. */
export interface Outcome {
  readonly world: World;
  /** Of the last act. */
  readonly result: WorkflowResult;
  /** Of all acts, in their order. */
  readonly results: readonly WorkflowResult[];
  readonly visits: VisitLog;
  /** Ids that were live before. */
  readonly before: {readonly frontend: string; readonly backend: string};
}

export type Inputs = Readonly<Record<string, string | boolean>>;

/** One run of a workflow, with what happens to it. */
export interface Act {
  readonly workflow: WorkflowName;
  /** Which commit of the product the run is for; default: where the repository stands. */
  readonly commit?: VersionName;
  /** Inputs of a run by hand, some known only when it begins; without them a release is a push and a backup a schedule. */
  readonly inputs?: Inputs | ((world: World) => Promise<Inputs>);
  /** Variables of the repository besides the usual ones. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Secrets of the repository that a person changed before this run. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Cancels the run when this becomes true of an event. */
  readonly cancelWhen?: (event: EngineEvent) => boolean;
  /** Loses the runner of the job that this becomes true for: everything in it dies at once. */
  readonly loseRunnerWhen?: (event: EngineEvent) => boolean;
  /** Before the run: faults, for instance. */
  readonly before?: (world: World) => Promise<void> | void;
  /** Judged right after this act, before the next. */
  readonly after?: (outcome: Omit<Outcome, 'visits'>) => Promise<Check[]> | Check[];
}

type Replacements = Readonly<Record<string, unknown>>;

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly acts: readonly Act[];
  /** Keys of the product's configuration that replace the usual ones. */
  readonly config?: Replacements | ((at: ProductAddresses) => Replacements);
  /** One word for the expected end. */
  readonly outcome: string;
  readonly judge: (outcome: Outcome) => Promise<Check[]> | Check[];
}
